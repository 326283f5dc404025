"""The queue in front of password verification: bounded, fair to known browsers, never stuck."""

import asyncio
import threading

import pytest
from tests.issuer import until

from durward.core.errors import Unavailable
from durward.core.people.password_hash import HashScheme, PasswordHash
from durward.core.values import Secret
from durward.services import passwords
from durward.services.password_verifier import PLACES, PasswordVerifier

pytestmark = pytest.mark.anyio
NEW = passwords.CURRENT_KIND
FORMER = PasswordHash(HashScheme.ARGON2ID, (65_536, 3, 4), bytes(16), bytes(32)).kind
SLOW = PasswordHash(HashScheme.BCRYPT, (14,), bytes(16), bytes(23)).kind
LARGE = PasswordHash(HashScheme.SCRYPT, (17, 8, 1), bytes(16), bytes(32)).kind


class Gate:
    """A verification that takes as long as the test wants."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.seen: list[str] = []

    def __call__(self, password: Secret, _: str) -> bool:
        assert self.open.wait(30)
        self.seen.append(password.reveal())
        return True


def verifier(gate: Gate, at_once: int = 1, patience: float = 30) -> PasswordVerifier:
    return PasswordVerifier(at_once, gate, patience)


async def waiting(found: PasswordVerifier, name: str, *, known: bool = False) -> asyncio.Task[bool]:
    task = asyncio.create_task(found.fits(Secret(name), NEW, known=known))
    await asyncio.sleep(0)
    return task


@pytest.mark.requirement("AS-96")
async def test_more_than_have_a_place_are_told_at_once_to_come_back() -> None:
    gate = Gate()
    found = verifier(gate)
    tasks = [await waiting(found, str(number)) for number in range(1 + PLACES)]
    with pytest.raises(Unavailable) as told:
        await found.fits(Secret("one more"), NEW)
    assert told.value.retry_after > 0
    gate.open.set()
    assert await asyncio.gather(*tasks) == [True] * (1 + PLACES)
    assert await found.fits(Secret("later"), NEW)


async def test_a_known_browser_has_a_place_when_strangers_have_none_and_comes_first() -> None:
    gate = Gate()
    found = verifier(gate)
    tasks = [await waiting(found, f"stranger {number}") for number in range(1 + PLACES)]
    tasks.append(await waiting(found, "owner", known=True))
    gate.open.set()
    await asyncio.gather(*tasks)
    assert gate.seen[:2] == ["stranger 0", "owner"]
    assert len(gate.seen) == 2 + PLACES


async def test_what_waited_too_long_is_not_computed() -> None:
    gate = Gate()
    found = verifier(gate, patience=0.1)
    first = await waiting(found, "first")
    for late in (first, await waiting(found, "second")):
        with pytest.raises(Unavailable):
            await late
    gate.open.set()
    await until(lambda: not found.oldest_seconds())
    assert await found.fits(Secret("third"), NEW)
    assert gate.seen == ["first", "third"]


async def test_what_nobody_waits_for_is_not_computed() -> None:
    gate = Gate()
    found = verifier(gate)
    first = await waiting(found, "first")
    left = await waiting(found, "left")
    left.cancel()
    gate.open.set()
    assert await first
    assert await found.fits(Secret("last"), NEW)
    assert gate.seen == ["first", "last"]


async def test_who_leaves_while_it_is_computed_leaves_its_place_taken() -> None:
    gate = Gate()
    found = verifier(gate)
    first = await waiting(found, "first")
    await asyncio.sleep(0.05)
    first.cancel()
    second = await waiting(found, "second")
    await asyncio.sleep(0.05)
    assert gate.seen == []
    assert found.oldest_seconds() > 0
    gate.open.set()
    assert await second
    assert gate.seen == ["first", "second"]


@pytest.mark.requirement("AS-96")
@pytest.mark.parametrize("costly", [FORMER, SLOW, LARGE])
async def test_costly_hashes_are_verified_one_at_a_time_beside_the_others(costly: str) -> None:
    running, most = 0, 0
    guard = threading.Lock()

    def verify(_: Secret, phc: str) -> bool:
        nonlocal running, most
        if phc == costly:
            with guard:
                running += 1
                most = max(most, running)
        threading.Event().wait(0.02)
        if phc == costly:
            with guard:
                running -= 1
        return True

    found = PasswordVerifier(4, verify)
    await asyncio.gather(*(found.fits(Secret("x"), phc) for phc in (costly, NEW) * 8))
    assert most == 1


async def test_a_machine_without_memory_is_busy_and_not_broken() -> None:
    def verify(_: Secret, __: str) -> bool:
        raise MemoryError

    found = PasswordVerifier(1, verify)
    for _ in range(3):
        with pytest.raises(Unavailable):
            await found.fits(Secret("x"), NEW)
    assert found.oldest_seconds() == 0


def test_what_is_kept_has_one_lane_and_the_former_parameters_are_read_still() -> None:
    phc = passwords.hashed(Secret("a password"))
    assert passwords.is_current(phc)
    assert not passwords.goes_alone(phc)
    assert passwords.goes_alone(FORMER)
    assert not passwords.is_current(FORMER)
    assert passwords.verifies(Secret("a password"), phc)
    assert not passwords.verifies(Secret("another"), phc)
    for decoy in (NEW, FORMER):
        assert not passwords.verifies(Secret("a password"), decoy)
