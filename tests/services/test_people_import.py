"""Import of people: a batch is done or not, and who sends all of it again goes on from there."""

import asyncio
from typing import Any

import bcrypt
import pytest
from tests.services.replica import Replica

from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.errors import Conflict, Misconfigured
from durward.core.people.import_line import ImportLine
from durward.core.people.password_hash import kind_of
from durward.core.people.person import Email
from durward.core.values import UserId
from durward.core.wire import Json
from durward.services import passwords
from durward.services.people import PersonStep, named_person, take
from durward.services.people_import import AT_ONCE, ImportReport, check_import, import_people
from durward.store.passwords import load_password

pytestmark = pytest.mark.anyio
GLOBEX: dict[str, Json] = {"StringEquals": {"durward:TenantId": "globex"}}
BCRYPT = bcrypt.hashpw(b"of eve", bcrypt.gensalt(4)).decode()
EVE = ImportLine(
    login=("eve", "eve.2"),
    email="Eve@Example.com",
    email_verified=True,
    name="Eve",
    locale="de-CH",
    tenant="acme",
    groups=("imported",),
    password_hash=BCRYPT,
)


def line(**members: Any) -> ImportLine:
    return ImportLine(**{"tenant": "acme", **members})


def some(number: int, first: int = 0) -> list[ImportLine]:
    return [line(login=f"user{place}") for place in range(first, first + number)]


async def add(replica: Replica, *lines: ImportLine, tenant: str = "") -> ImportReport:
    return await import_people(replica.plane.use_cases, lines, tenant)


async def checked(replica: Replica, *lines: ImportLine, tenant: str = "") -> list[tuple[int, str]]:
    """What is wrong; whoever asks for it adds nobody."""
    before = await replica.events()
    report = await check_import(replica.plane.use_cases, lines, tenant)
    assert await replica.events() == before
    found = [(one.place, one.problem) for one in report.problems]
    if found:
        with pytest.raises(Misconfigured):
            await add(replica, *lines, tenant=tenant)
        assert await replica.events() == before
    return found


async def test_whoever_is_imported_is_as_the_line_says_and_no_file_manages_them(
    replica: Replica,
) -> None:
    assert await add(replica, EVE) == ImportReport(1, 0, (), frozenset({kind_of(BCRYPT)}))
    eve = await replica.read(lambda c: named_person(c, "EVE"))
    assert eve is not None
    assert eve == await replica.read(lambda c: named_person(c, "eve@example.COM"))
    assert eve.id.startswith("p_")
    assert (eve.tenant, eve.logins, eve.name, eve.locale) == (
        *("acme", ("eve", "eve.2")),
        *("Eve", "de-CH"),
    )
    assert eve.emails == (Email("Eve@Example.com", verified=True),)
    assert (eve.groups, eve.declared, eve.made_by) == (("imported",), None, "operator")
    told = [event for event in await replica.events() if eve.id in event]
    assert sum('"person added"' in event for event in told) == 1
    assert sum('"password set"' in event for event in told) == 1
    assert not any(BCRYPT[7:] in event or "Eve" in event for event in await replica.events())


async def test_whoever_sends_lines_again_adds_the_others_and_changes_nobody(
    replica: Replica,
) -> None:
    assert (await add(replica, *some(3))).added == 3
    before = await replica.count("person added")
    again = await add(replica, *some(5), tenant="acme")
    assert (again.added, again.existing) == (2, 3)
    assert (await add(replica, *some(5))).added == 0
    assert await replica.count("person added") == before + 2
    assert await replica.count("person changed") == 0


async def test_a_password_of_somebody_who_is_there_stays(replica: Replica) -> None:
    """It may be another one by now: its owner chose it."""
    await add(replica, EVE)
    eve = await replica.read(lambda c: named_person(c, "eve"))
    assert eve is not None
    await replica.give_password(eve.id)
    assert (await add(replica, EVE)).existing == 1
    assert await replica.read(lambda c: load_password(c, eve.id)) != BCRYPT
    bare = ImportLine(login="bare", tenant="acme")
    await add(replica, bare)
    (told,) = await checked(replica, line(login="bare", password_hash=BCRYPT))
    assert "without a password" in told[1]


async def test_a_batch_that_fails_leaves_nothing_and_the_next_run_goes_on(
    replica: Replica,
) -> None:
    await add(replica, *some(4))
    with pytest.raises(Misconfigured, match=r"line 3: .*tenant"):
        await add(replica, *some(2, 4), line(login="x", tenant="nowhere"))
    assert await replica.read(lambda c: named_person(c, "user4")) is None
    assert (await add(replica, *some(6))).added == 2


async def test_what_is_not_declared_is_refused_by_its_line(replica: Replica) -> None:
    found = await checked(
        replica,
        line(login="a"),
        line(login="b", roles=("no-such-role",)),
        line(login="c", tenant="nowhere"),
        line(login="d", groups=("made-with-them",)),
        ImportLine(login="e"),
    )
    assert [place for place, _ in found] == [1, 2, 4]
    assert "no-such-role" in found[0][1]
    assert "nowhere" in found[1][1]
    assert "--tenant" in found[2][1]
    assert await checked(replica, ImportLine(login="e"), tenant="acme") == []


async def test_whoever_would_be_somebody_else_is_refused(replica: Replica) -> None:
    eve = UserId("eve-1")
    await add(replica, line(id="eve-1", login="eve"))
    gone = await replica.person("eve-1")
    found = await checked(
        replica,
        line(id="eve-1", login="eve", name="Another"),
        line(login="EVE", disabled=True),
        line(id="eve-2", login="eve"),
        line(id="desk", login="f"),
        line(login="twin"),
        line(login="other", email="Twin@x.example", email_verified=True),
        line(login="twin@x.example"),
        line(login="TWIN"),
        line(id="same", login="g"),
        line(id="same", login="h"),
    )
    told = dict(found)
    assert "differs in name" in told[0]
    assert "differs in logins, disabled" in told[1]
    assert "somebody else signs in" in told[2]
    assert "a client is or was called" in told[3]
    assert "signs in as `twin@x.example` too" in told[6]
    assert "signs in as `twin` too" in told[7]
    assert "also in another line" in told[9]
    assert set(told) == {0, 1, 2, 3, 6, 7, 9}
    await replica.write(
        lambda c, x, t: take(c, x.published.configuration, [PersonStep(gone, None)], t)
    )
    assert (await checked(replica, line(id=eve, login="eve")))[0][1].endswith("who is gone")


async def test_more_than_a_batch_is_refused(replica: Replica) -> None:
    with pytest.raises(Misconfigured, match="at most 500"):
        await add(replica, *some(AT_ONCE + 1))


async def test_of_two_imports_at_the_same_moment_everybody_is_there_once(
    replica: Replica,
) -> None:
    before = await replica.count("person added")
    found = await asyncio.gather(
        *(add(replica, *some(50)) for _ in range(3)), return_exceptions=True
    )
    assert all(isinstance(one, ImportReport | Conflict) for one in found)
    assert (await add(replica, *some(50))).existing == 50
    assert await replica.count("person added") == before + 50


async def test_a_role_that_is_declared_is_given(replica: Replica) -> None:
    exported = await replica.plane.administration.export()
    role = next(one.name for one in exported if one.kind is DeclarationKind.ROLE)
    await add(replica, line(id="r-1", roles=(role,)))
    assert (await replica.person("r-1")).roles == (role,)


@pytest.mark.requirement("AS-95")
async def test_names_that_nobody_has_take_the_times_of_imported_hashes(replica: Replica) -> None:
    """Also where nothing is published, and nobody restarts."""
    lines = [line(login=f"user{place}", password_hash=BCRYPT) for place in range(20)]
    await add(replica, *lines)
    await replica.give_password("ann")
    await replica.plane.upkeep.tidy()
    context = replica.plane.use_cases.context()
    found = [passwords.decoy(context, f"nobody-{number}") for number in range(400)]
    assert found == [passwords.decoy(context, f"nobody-{number}") for number in range(400)]
    assert set(found) == {kind_of(BCRYPT), passwords.CURRENT_KIND}
    assert found.count(kind_of(BCRYPT)) == pytest.approx(381, abs=15)


async def test_whoever_could_do_what_must_never_be_is_refused_by_their_line(
    replica: Replica,
) -> None:
    """Of a class of people of which nobody is there yet."""
    allow: dict[str, Json] = {"Effect": "Allow", "Action": "orders:GetSummary", "Resource": "*"}
    policy: dict[str, Json] = {"Version": "2012-10-17", "Statement": [allow]}
    await replica.apply(
        Declaration(DeclarationKind.POLICY, "reads", policy),
        Declaration(DeclarationKind.ROLE, "reader", {"policies": ["reads"]}),
        Declaration(
            DeclarationKind.TESTS,
            "t",
            {"never": [{**allow, "Sid": "Never", "Condition": GLOBEX}]},
        ),
    )
    found = await checked(
        replica,
        line(login="a"),
        line(login="b", tenant="globex", roles=("reader",)),
        line(login="c", tenant="globex", roles=("reader",), disabled=True),
    )
    assert [place for place, _ in found] == [1]
    assert "never `Never`" in found[0][1]
