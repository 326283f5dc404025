"""Seals that hold for every test: the unit and property floors have no network."""

import os
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from tests.demo import Demo, live_demo
from tests.issuer import Issuer
from tests.issuer import issuer as fresh_issuer
from tests.live import LiveEdge, live_edge
from tests.turns import taking_turns

from durward.core.people.password_hash import HashScheme, PasswordHash
from durward.services import passwords

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HERE = Path(__file__).parent
SEALED = {"unit", "property"}
LONGEST = ("contract/test_faults.py", "e2e/test_demo.py", "e2e/test_snapshots.py")
"""Each takes a minute or two."""
ORDER = ("contract", "e2e", "attacks", "property", "cli", "services", "vectors", "unit")

# Other processes take their share of the machine: how long an example takes says nothing.
settings.register_profile("durward", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("durward")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, the shortest last: no process is left alone for long."""

    def turn(item: pytest.Item) -> tuple[int, int]:
        path = item.path.relative_to(HERE)
        place = ORDER.index(path.parts[0]) if path.parts[0] in ORDER else len(ORDER)
        longest = LONGEST.index(str(path)) if str(path) in LONGEST else len(LONGEST)
        return longest, place

    items.sort(key=turn)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Where several processes run tests, one that measures time waits until it is alone.

    First of all wrappers: the time that a test may take begins after that.
    """
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")  # noqa: TID251
    if run is None:
        return (yield)
    with taking_turns(run, alone=item.get_closest_marker("alone") is not None):
        return (yield)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Core is pure: a socket in a unit test says that the shape is wrong."""
    if item.path.relative_to(HERE).parts[0] in SEALED:
        item.add_marker(pytest.mark.disable_socket)


@pytest.fixture
def anyio_backend() -> str:
    """The event loop that the product runs on."""
    return "asyncio"


@pytest.fixture(scope="session")
def edge() -> Iterator[LiveEdge]:
    """One edge for all tests that leave it as it was."""
    with live_edge() as running:
        yield running


@pytest.fixture
def own_edge() -> Iterator[LiveEdge]:
    """An edge of this test's own, to be broken."""
    with live_edge() as running:
        yield running


@pytest.fixture(scope="session")
def kept_demo() -> Iterator[Demo]:
    """One demo for all files whose tests leave it as it was."""
    with live_demo() as running:
        yield running


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """One demo for the tests of a file."""
    with live_demo() as running:
        yield running


@pytest.fixture
def own_demo() -> Iterator[Demo]:
    """A demo of this test's own, to be broken."""
    with live_demo() as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator["Browser"]:
    """A browser for the tests of a file."""
    from tests.browser import chromium as started  # noqa: PLC0415 - few files need Playwright

    with started() as running:
        yield running


@pytest.fixture
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id that takes no time, for those who sign in a hundred times."""
    kib, passes, lanes = 8, 1, passwords.LANES
    cheap = PasswordHash(HashScheme.ARGON2ID, (kib, passes, lanes), bytes(16), bytes(32))
    monkeypatch.setattr(passwords, "MEMORY_KIB", kib)
    monkeypatch.setattr(passwords, "ITERATIONS", passes)
    monkeypatch.setattr(passwords, "CURRENT", f"$argon2id$v=19$m={kib},t={passes},p={lanes}$")
    monkeypatch.setattr(passwords, "CURRENT_KIND", cheap.kind)


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    """An authorization server of each test's own."""
    async with fresh_issuer() as running:
        yield running
