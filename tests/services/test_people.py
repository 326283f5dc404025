"""People and groups as operators manage them, one at a time."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from tests.services.replica import Replica, given, refused

from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.errors import Conflict, Misconfigured, Unavailable
from durward.core.people.person import Email, Entitlements, Person
from durward.core.values import UserId
from durward.core.wire import Json
from durward.services import apply, groups, sessions
from durward.services.people_administration import (
    DeletedPerson,
    Outdated,
    PeopleQuery,
    SavedPerson,
)
from durward.store.groups import load_group

pytestmark = pytest.mark.anyio
IN_SAMPLE = 2
NEVER: dict[str, Json] = {
    "Sid": "NightClerksCancelNothing",
    "Effect": "Allow",
    "Action": "orders:CancelOrder",
    "Resource": "*",
    "Condition": {"ForAnyValue:StringEquals": {"durward:Groups": "night"}},
}


def somebody(*logins: str, **more: Any) -> Person:
    """Somebody of the sample's tenant."""
    names = ("roles", "groups", "policies", "boundary")
    entitlements = {name: more.pop(name) for name in names if name in more}
    tenant = more.pop("tenant", "acme")
    emails = tuple(Email(*each) for each in more.pop("emails", ()))
    return Person(
        UserId(more.pop("id", "")),
        Entitlements.of(tenant, **entitlements),
        logins,
        emails,
        **more,
    )


async def changed(replica: Replica, name: str, wanted: Person, *at: int) -> SavedPerson:
    saved = await replica.plane.people.change(name, wanted, at or None)
    assert isinstance(saved, SavedPerson), saved
    return saved


async def admitted(people: Replica, account: str) -> UserId | None:
    """Whose password is verified where somebody signs in by that name."""
    found = await people.write(sessions.admit, account, None)
    assert isinstance(found, sessions.Admitted)
    return found.person


async def test_who_is_added_gets_an_id_of_their_own_and_is_found_by_each_name(
    replica: Replica,
) -> None:
    wanted = somebody("Cleo", emails=[("Cleo@Acme.example", True)], roles=["clerk"], locale="de-CH")
    saved = await replica.plane.people.add(wanted)
    assert (saved.is_new, saved.changed, saved.password) == (True, True, False)
    assert saved.person.id.startswith("p_")
    assert replace(saved.person, id=UserId("")) == wanted
    assert (saved.person.revision, saved.person.made_by) == (1, "operator")
    for name in (saved.person.id, "cleo", "CLEO", "\uff43\uff4c\uff45\uff4f", "cleo@ACME.example"):
        found = await replica.plane.people.show(name)
        assert found is not None, name
        assert found.person.id == saved.person.id
    assert await replica.count("person added") == IN_SAMPLE + 1


async def test_adding_who_is_there_exactly_so_changes_nothing_and_says_so(replica: Replica) -> None:
    for wanted in (
        somebody("cleo", roles=["clerk"]),
        somebody("dora", id="dora-1"),
        somebody(emails=[("eve@acme.example", False)]),
    ):
        first = await replica.plane.people.add(wanted)
        again = await replica.plane.people.add(wanted)
        assert (again.is_new, again.changed) == (False, False)
        assert again.person == first.person
    assert await replica.count("person added") == IN_SAMPLE + 3


@pytest.mark.parametrize(
    "spelled",
    ["Cleo", "CLEO", "\uff43\uff4c\uff45\uff4f", "cleo"],
    ids=["title", "upper", "wide", "same"],
)
async def test_two_spellings_of_a_name_are_not_two_people(replica: Replica, spelled: str) -> None:
    await replica.plane.people.add(somebody("cleo"))
    with pytest.raises(Conflict, match="somebody else signs in as `cleo`"):
        await replica.plane.people.add(somebody(spelled, name="Another"))


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (somebody("cl\x00eo"), "it may not have"),
        (somebody("cl\u202eeo"), "it may not have"),
        (somebody("cl\neo"), "it may not have"),
        (somebody("\u0441leo"), "two scripts that look alike"),
        (somebody(emails=[("\u03bftto@acme.example",)]), "two scripts that look alike"),
        (somebody("cleo", name="Cleo\x1b[31m"), "a name with a control character"),
        (somebody("cleo", name="Cleo\u2066"), "a name with a control character"),
        (somebody("cleo", name="n" * 201), "more than 200 characters"),
        (somebody("cleo", locale="de_CH"), "not a language tag"),
        (somebody("cleo", id="a b"), "an id is made of"),
        (somebody("cleo", id="e" * 129), "an id is made of"),
        (somebody("cleo", "Cleo"), "occurs twice"),
        (somebody(*(f"c{number}" for number in range(21))), "more than 20 login names"),
        (somebody(name="Nobody"), "neither a login name nor an address"),
        (somebody("cleo", tenant="emca"), "tenant names `emca`, which is not declared"),
        (somebody("cleo", roles=["king"]), "roles names `king`, which is not declared"),
        (somebody("cleo", policies=["own"]), "policies names `own`, which is not declared"),
        (somebody("cleo", groups=["night"]), "there is no group `night`"),
    ],
)
async def test_what_nobody_can_be_is_refused_when_it_is_added_and_when_it_is_changed(
    replica: Replica, wanted: Person, problem: str
) -> None:
    with pytest.raises(Misconfigured, match=problem):
        await replica.plane.people.add(wanted)
    there = await replica.plane.people.add(somebody("fay"))
    if not wanted.id:
        with pytest.raises(Misconfigured, match=problem):
            await replica.plane.people.change("fay", wanted, None)
    assert (await replica.person(there.person.id)).revision == 1
    assert await replica.count("person added") == IN_SAMPLE + 1


async def test_an_unknown_group_is_refused_with_what_adds_it(replica: Replica) -> None:
    with pytest.raises(Misconfigured) as refused_as:
        await replica.plane.people.add(somebody("cleo", groups=["night"]))
    assert refused_as.value.hint == "durward groups add night"
    await replica.plane.groups.put("night", "")
    await replica.plane.people.add(somebody("cleo", groups=["night"]))


@pytest.mark.parametrize("id", ["desk", "ann", "gone"], ids=["a client", "somebody", "deleted"])
async def test_an_id_is_given_once_and_never_that_of_a_client(replica: Replica, id: str) -> None:
    await replica.plane.people.add(somebody("gone", id="gone"))
    await replica.plane.people.delete("gone", None)
    with pytest.raises(Conflict, match=r"a client is or was called|another person's|who is gone"):
        await replica.plane.people.add(somebody("cleo", id=id))


@pytest.mark.requirement("AS-32")
async def test_what_a_removed_client_was_called_is_nobodys_id_and_the_other_way_round(
    replica: Replica,
) -> None:
    service: dict[str, Json] = {"tenant": "acme", "grants": ["client_credentials"]}
    await replica.apply(Declaration(DeclarationKind.CLIENT, "job", service))
    await replica.remove(DeclarationKind.CLIENT, "job")
    with pytest.raises(Conflict, match="a client is or was called `job`"):
        await replica.plane.people.add(somebody("cleo", id="job"))
    await replica.plane.people.add(somebody("fay", id="fay"))
    await replica.plane.people.delete("fay", None)
    with pytest.raises(Misconfigured, match="clients/fay: a person has or had that id"):
        await replica.apply(Declaration(DeclarationKind.CLIENT, "fay", service))
    await replica.apply(Declaration(DeclarationKind.CLIENT, "job", service))


async def test_of_two_who_change_somebody_as_they_read_them_one_wins(replica: Replica) -> None:
    await replica.plane.people.add(somebody("cleo"))
    first, second = await asyncio.gather(
        replica.plane.people.change("cleo", somebody("cleo", name="First"), {1}),
        replica.plane.people.change("cleo", somebody("cleo", name="Second"), {1}),
    )
    saved, late = (first, second) if isinstance(first, SavedPerson) else (second, first)
    assert isinstance(saved, SavedPerson)
    assert late == Outdated(2)
    found = await replica.plane.people.show("cleo")
    assert found is not None
    assert found.person.name == saved.person.name
    assert await replica.plane.people.delete("cleo", {1}) == Outdated(2)


async def test_of_two_who_take_one_name_at_once_one_gets_it(replica: Replica) -> None:
    done = await asyncio.gather(
        *(replica.plane.people.add(somebody("cleo", name=name)) for name in ("First", "Second")),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in done) == ["Conflict", "SavedPerson"]


async def test_a_change_that_is_none_keeps_the_revision(replica: Replica) -> None:
    await replica.plane.people.add(somebody("cleo"))
    saved = await changed(replica, "cleo", somebody("cleo"))
    assert (saved.changed, saved.revoked, saved.person.revision) == (False, False, 1)


async def test_the_id_of_somebody_never_changes(replica: Replica) -> None:
    await replica.plane.people.add(somebody("cleo", id="cleo-1"))
    with pytest.raises(Misconfigured, match="`cleo-1`, for ever"):
        await replica.plane.people.change("cleo", somebody("cleo", id="cleo-2"), None)
    assert not (await changed(replica, "cleo", somebody("cleo", id="cleo-1"))).changed


@pytest.mark.parametrize(
    ("after", "revokes"),
    [
        (somebody("cleo", name="Cleopatra", groups=["day"]), False),
        (somebody("cleo", groups=["day"], locale="de"), False),
        (somebody("cleo", groups=["day"], disabled=True), True),
        (somebody("cleo", groups=["day"], roles=["clerk"]), True),
        (somebody("cleo"), True),
        (somebody("cleo", groups=["day"], tenant="globex"), True),
    ],
)
async def test_only_what_tokens_say_is_taken_back(
    replica: Replica, after: Person, *, revokes: bool
) -> None:
    await replica.plane.groups.put("day", "")
    await replica.plane.people.add(somebody("cleo", groups=["day"]))
    before = await replica.count("revoked")
    assert (await changed(replica, "cleo", after)).revoked is revokes
    assert (await replica.count("revoked") > before) is revokes


async def test_who_is_disabled_loses_session_and_grants_and_enabled_again_signs_in_anew(
    people: Replica,
) -> None:
    added = await people.plane.people.add(somebody("cleo"))
    await people.give_password(added.person.id)
    here = await people.sign_in("cleo")
    token = given(await people.redeem(await people.code(here, added.person.id)))["refresh_token"]
    await changed(people, "cleo", somebody("cleo", disabled=True))
    assert refused(await people.refresh(token)) == "invalid_grant"
    assert await admitted(people, "cleo") is None
    await changed(people, "cleo", somebody("cleo"))
    assert refused(await people.refresh(token)) == "invalid_grant"
    assert await admitted(people, "cleo") == added.person.id


async def test_who_is_deleted_leaves_nothing_and_who_comes_by_that_name_is_another(
    people: Replica,
) -> None:
    first = await people.plane.people.add(somebody("cleo"))
    await people.give_password(first.person.id)
    here = await people.sign_in("cleo")
    token = given(await people.redeem(await people.code(here, first.person.id)))["refresh_token"]
    assert await people.plane.people.delete("cleo", None) == DeletedPerson(changed=True)
    assert refused(await people.refresh(token)) == "invalid_grant"
    second = await people.plane.people.add(somebody("cleo"))
    assert (second.is_new, second.password) == (True, False)
    assert second.person.id != first.person.id


async def test_deleting_who_is_gone_is_done_and_who_never_was_is_nobody(replica: Replica) -> None:
    added = await replica.plane.people.add(somebody("cleo"))
    await replica.plane.people.delete(added.person.id, None)
    again = await replica.plane.people.delete(added.person.id, {7})
    assert again == DeletedPerson(changed=False)
    for name in ("cleo", "\x00", "a\nb", ""):
        assert await replica.plane.people.delete(name, None) is None
        assert await replica.plane.people.change(name, somebody("x"), None) is None
        assert await replica.plane.people.show(name) is None


async def test_an_address_that_is_not_verified_signs_nobody_in_and_names_nobody(
    people: Replica,
) -> None:
    added = await people.plane.people.add(somebody("cleo", emails=[("ann@elsewhere.example",)]))
    await people.give_password(added.person.id)
    assert await admitted(people, "ann@elsewhere.example") is None
    assert await people.plane.people.show("ann@elsewhere.example") is None
    # Its owner takes it all the same, and is told apart.
    owner = await people.plane.people.add(somebody(emails=[("ann@elsewhere.example", True)]))
    found = await people.plane.people.show("ann@elsewhere.example")
    assert found is not None
    assert found.person.id == owner.person.id


async def test_of_whom_a_file_declares_only_the_door_is_changed_here(replica: Replica) -> None:
    ann = await replica.person("ann")
    assert (await changed(replica, "ann", replace(ann, disabled=True))).revoked
    assert (await replica.person("ann")).disabled
    assert (await changed(replica, "ann", ann)).person.declared == "ann"
    for refuse in (
        replica.plane.people.change("ann", replace(ann, name="Nan"), None),
        replica.plane.people.change("ann", replace(ann, name="Nan", disabled=True), None),
        replica.plane.people.delete("ann", None),
        replica.plane.groups.join("night", "ann"),
    ):
        with pytest.raises(Misconfigured, match="is declared in files: change it there") as told:
            await refuse
        assert told.value.hint == "durward apply"
    assert not (await replica.person("ann")).disabled


@pytest.mark.parametrize("few", [1_000, 2], ids=["few are called so", "many are"])
async def test_everybody_is_paged_once_and_a_page_is_bounded(
    replica: Replica, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr("durward.store.people.FEW_ENOUGH", few)
    await replica.plane.groups.put("day", "")
    for number in range(7):
        await replica.plane.people.add(
            somebody(
                *(f"m{number}", f"other-{number}"),
                name=f"Max {number}",
                groups=["day"] if number % 2 else [],
            )
        )
    found: list[str] = []
    after = ""
    while True:
        page = await replica.plane.people.page(PeopleQuery(after=after, limit=2))
        found += [one.id for one in page.people]
        if page.is_last:
            break
        after = found[-1]
    assert found == sorted(set(found))
    assert len(found) > 7
    for asked, expected in (
        (PeopleQuery(group="day"), 3),
        (PeopleQuery(search="max"), 7),
        (PeopleQuery(search="OTHER-"), 7),
        (PeopleQuery(search="M1"), 1),
        (PeopleQuery(search="ann@"), 1),
        (PeopleQuery(search="Max", group="day", tenant="globex"), 0),
        (PeopleQuery(disabled=True, search="max"), 0),
        (PeopleQuery(search="%"), 0),
    ):
        page = await replica.plane.people.page(asked)
        assert len(page.people) == expected, asked
    for limit in (0, 501, -1):
        with pytest.raises(ValueError, match="limit"):
            await replica.plane.people.page(PeopleQuery(limit=limit))


async def test_what_somebody_refers_to_is_not_removed_and_what_nobody_does_is(
    replica: Replica,
) -> None:
    """Plan says so too; whoever no file declares counts."""
    for name in ("night", "day"):
        await replica.apply(Declaration(DeclarationKind.ROLE, name, {}))
    await replica.plane.people.add(somebody("cleo", roles=["night"]))
    found = await replica.plane.administration.export()
    for name, refers in (("night", True), ("day", False)):
        left = [one for one in found if (one.kind, one.name) != (DeclarationKind.ROLE, name)]
        if refers:
            for use in (replica.plane.administration.plan, replica.plane.administration.apply):
                with pytest.raises(Misconfigured, match="roles names `night`"):
                    await use(left, prune=True)
        else:
            await replica.apply(*left, prune=True)


async def groups_of(replica: Replica) -> dict[str, int]:
    return {one.name: one.members for one in await replica.plane.groups.page("", 100)}


async def test_nobody_becomes_who_may_what_nobody_may(replica: Replica) -> None:
    """A policy invariant is asked about whoever is added, changed, or put into a group."""
    await replica.apply(Declaration(DeclarationKind.TESTS, "limits", {"never": [NEVER]}))
    await replica.plane.groups.put("night", "")
    await replica.plane.people.add(somebody("cleo", groups=["night"]))
    await replica.plane.people.add(somebody("dora", roles=["clerk"]))
    for refuse in (
        replica.plane.people.add(somebody("eve", roles=["clerk"], groups=["night"])),
        replica.plane.people.change(
            "cleo", somebody("cleo", roles=["clerk"], groups=["night"]), None
        ),
        replica.plane.groups.join("night", "dora"),
    ):
        with pytest.raises(Misconfigured, match="NightClerksCancelNothing"):
            await refuse
    assert await replica.plane.people.show("eve") is None
    assert (await groups_of(replica))["night"] == 1


async def test_whom_a_file_declares_alone_is_nobody_who_may_what_nobody_may(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if nothing but people changes, few or many at once."""
    await replica.apply(Declaration(DeclarationKind.TESTS, "limits", {"never": [NEVER]}))
    wanted = [declared("mia"), declared("eve", roles=["clerk"], groups=["night"])]
    for few in (1_000, 1):
        monkeypatch.setattr(apply, "AT_ONCE", few)
        with pytest.raises(Misconfigured, match="NightClerksCancelNothing"):
            await replica.plane.administration.apply(wanted, prune=False)
        assert await replica.plane.people.show("mia") is None
    version = replica.plane.published.version
    assert await replica.apply(declared("eve", roles=["clerk"])) == version


async def test_who_joins_a_group_or_leaves_it_holds_other_tokens_and_twice_is_once(
    replica: Replica,
) -> None:
    await replica.plane.groups.put("night", "who works at night")
    await replica.plane.people.add(somebody("cleo"))
    for act, number in ((replica.plane.groups.join, 1), (replica.plane.groups.leave, 0)):
        for is_first in (True, False):
            saved = await act("night", "cleo")
            assert saved is not None
            assert (saved.changed, saved.revoked) == (is_first, is_first)
            assert (await groups_of(replica))["night"] == number
        assert await act("night", "nobody") is None
    with pytest.raises(Misconfigured, match="there is no group `nacht`"):
        await replica.plane.groups.join("nacht", "cleo")


async def test_a_group_that_is_deleted_lets_its_members_go_a_few_at_a_time(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "AT_ONCE", 2)
    await replica.plane.groups.put("night", "")
    await replica.plane.groups.put("day", "")
    for number in range(5):
        await replica.plane.people.add(somebody(f"m{number}", groups=["night", "day"]))
    done = await replica.plane.groups.delete("night")
    assert done == groups.DeletedGroup(5)
    assert await groups_of(replica) == {"day": 5, **await others(replica)}
    found = await replica.plane.people.show("m3")
    assert found is not None
    assert found.person.groups == ("day",)
    assert await replica.plane.groups.delete("night") is None
    assert await replica.count("group deleted") == 1


async def others(replica: Replica) -> dict[str, int]:
    """The groups of the sample."""
    return {name: number for name, number in (await groups_of(replica)).items() if name != "day"}


async def test_what_files_declare_of_groups_is_changed_in_files(replica: Replica) -> None:
    await replica.change(DeclarationKind.USER, "ann", groups=["night"])
    with pytest.raises(Misconfigured, match="has the member users/ann, who is declared in files"):
        await replica.plane.groups.delete("night")
    await replica.apply(Declaration(DeclarationKind.GROUP, "crew", {}))
    await replica.plane.people.add(somebody("cleo", groups=["crew"]))
    with pytest.raises(Misconfigured, match="groups/crew: is declared in files"):
        await replica.plane.groups.delete("crew")
    assert (await groups_of(replica))["crew"] == 1


def declared(name: str, **body: Any) -> Declaration:
    return Declaration(DeclarationKind.USER, name, {"tenant": "acme", **body})


@pytest.mark.parametrize("few", [True, False])
async def test_of_people_whom_files_declare_all_are_looked_at_before_one_is_taken(
    replica: Replica, monkeypatch: pytest.MonkeyPatch, *, few: bool
) -> None:
    monkeypatch.setattr(apply, "AT_ONCE", 1_000 if few else 1)
    monkeypatch.setattr(apply, "PART", 1)
    await replica.plane.people.add(somebody("zed"))
    wanted = [declared("mia"), declared("noa"), declared("zoe", logins=["Zed"])]
    for refuse in (replica.plane.administration.plan, replica.plane.administration.apply):
        with pytest.raises(Misconfigured, match="users/zoe: somebody else signs in as `zed`"):
            await refuse(wanted, prune=False)
    assert await replica.plane.people.show("mia") is None


async def test_a_name_of_somebody_who_changes_otherwise_is_theirs(replica: Replica) -> None:
    await replica.plane.administration.apply([declared("cleo")], prune=False)
    for name in ("zoe", "a"):
        wanted = [declared("cleo", locale="de"), declared(name, logins=["Cleo"])]
        with pytest.raises(Misconfigured, match=f"users/{name}: users/cleo signs in as `cleo` too"):
            await replica.plane.administration.apply(wanted, prune=False)


async def test_an_apply_that_stops_half_way_is_not_told_as_one_that_did_nothing(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else takes a name while many people are taken a few at a time."""
    monkeypatch.setattr(apply, "AT_ONCE", 1)
    monkeypatch.setattr(apply, "PART", 1)
    taken: list[asyncio.Task[SavedPerson]] = []

    def meanwhile(_: Sequence[object]) -> None:
        if not taken:
            doing = replica.plane.people.add(somebody("zed"))
            taken.append(asyncio.get_running_loop().create_task(doing))

    replica.plane.transactions.database.listen(meanwhile)
    wanted = [*(declared(f"mia-{number:02}") for number in range(30)), declared("zed")]
    with pytest.raises(
        Unavailable, match=r"(?s)of 31 people are done: .*signs in as `zed`"
    ) as told:
        await replica.plane.administration.apply(wanted, prune=False)
    assert told.value.unsettled
    assert await replica.plane.people.show("mia-00") is not None
    await replica.plane.people.delete((await taken[0]).person.id, None)
    await replica.plane.administration.apply(wanted, prune=False)
    assert (await replica.plane.administration.plan(wanted, prune=False)).changes == ()


@pytest.mark.parametrize("name", ["", "a b", "a/b", "n\x00", "g" * 129, "-a"])
async def test_a_group_has_a_name_that_policies_and_paths_can_have(
    replica: Replica, name: str
) -> None:
    with pytest.raises(Misconfigured, match="a name is letters, digits"):
        await replica.plane.groups.put(name, "")
    assert await replica.plane.groups.delete(name) is None


async def test_a_group_is_added_once_and_described_anew(replica: Replica) -> None:
    told = [
        (saved.is_new, saved.changed)
        for saved in [await replica.plane.groups.put("night", text) for text in ("a", "a", "b")]
    ]
    assert told == [(True, True), (False, False), (False, True)]
    found = await replica.read(lambda c: load_group(c, "night"))
    assert found is not None
    assert found.description == "b"
    with pytest.raises(Misconfigured, match="control character"):
        await replica.plane.groups.put("night", "\x07")


async def test_more_groups_than_are_served_are_refused(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = len(await groups_of(replica))
    monkeypatch.setattr(groups, "GROUPS", there + 1)
    await replica.plane.groups.put("one", "")
    with pytest.raises(Misconfigured, match=r"more than [0-9]+ groups"):
        await replica.plane.groups.put("two", "")
    await replica.plane.groups.put("one", "is described all the same")
