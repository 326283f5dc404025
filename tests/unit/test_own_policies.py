"""What people have of their own, as questions about what is declared find it (ADR 24)."""

from dataclasses import replace
from typing import Any

from tests.unit.test_access import OWN, access, found_by, never, policy

from durward.core.access import Access, access_changes, names_of_principal
from durward.core.configuration.declaration import DeclarationKind
from durward.core.configuration.summary import summaries

NOTHING = policy({"Action": "orders:Other", "Resource": "*"})
GET = never(Action="orders:GetOrder")
CLERK = {"tenant": "acme", "roles": ["clerk"]}
STRANGER = {"tenant": "acme"}


def people(clerks: dict[str, Any], **users: dict[str, Any]) -> Access:
    own = policy({"Resource": OWN})
    policies = {"own": own, "again": own, "nothing": NOTHING}
    none = {"tenant": "globex"}
    return access(
        clerks,
        more={
            DeclarationKind.POLICY: policies,
            DeclarationKind.USER: {"ann": none, "abe": none, "bob": none, **users},
        },
    )


def who(asked: Access) -> list[str]:
    return [names_of_principal(each.principal)[0] for each in asked.who_can("orders:GetOrder", "*")]


def test_a_policy_of_their_own_is_nobody_elses() -> None:
    asked = people(NOTHING, ann={**STRANGER, "policies": ["own"]}, abe=STRANGER)
    assert who(asked) == ["user/ann"]
    assert found_by(asked, GET) == ["user/ann"]
    assert asked.idle == {"identity", "nothing", "again"}


def test_a_boundary_caps_its_person_alone_and_all_of_it_is_one_ceiling() -> None:
    clerks = policy({"Resource": OWN})
    both = {**CLERK, "boundary": ["nothing", "own"]}
    asked = people(clerks, ann={**CLERK, "boundary": ["nothing"]}, abe=CLERK, bob=both)
    assert who(asked) == ["user/abe", "user/bob"]
    assert asked.idle == {"again"}


def test_of_people_with_the_same_policies_one_is_asked_about() -> None:
    own = {**STRANGER, "policies": ["own"]}
    asked = people(NOTHING, ann=own, abe=own, bob={**own, "boundary": ["own"]})
    assert found_by(asked, GET) == ["user/ann", "user/bob"]


def test_what_somebody_gains_and_loses_by_their_own_policies_is_a_change() -> None:
    clerks = policy({"Resource": OWN})
    plain, capped = people(clerks, ann=CLERK), people(clerks, ann={**CLERK, "boundary": ["own"]})
    closed = people(clerks, ann={**CLERK, "boundary": ["nothing"]})
    assert list(access_changes(plain, capped)) == [], "it caps nothing that is granted"
    (lost,) = access_changes(plain, closed)
    assert (lost.principal.subject, lost.gained) == ("ann", None)
    assert lost.lost is not None
    (gained,) = access_changes(closed, capped)
    assert gained.gained is not None
    given = people(NOTHING, bob={**STRANGER, "policies": ["own"]})
    (found,) = access_changes(people(NOTHING, bob=STRANGER), given)
    assert found.gained is not None


def test_a_statement_of_somebodys_own_is_redundant_where_another_one_of_theirs_says_it() -> None:
    asked = people(NOTHING, ann={**STRANGER, "policies": ["own"]})
    assert list(asked.redundant()) == []
    twice = people(NOTHING, ann={**STRANGER, "policies": ["own", "again"]})
    assert len(list(twice.redundant())) == 1


def test_an_operation_that_somebodys_own_policy_allows_is_allowed() -> None:
    closed = people(NOTHING, ann=STRANGER)
    asked = people(NOTHING, ann={**STRANGER, "policies": ["own"]})
    counted = [next(iter(summaries(each.configuration, ["orders"]))) for each in (closed, asked)]
    assert [summary.not_allowed for summary in counted] == [1, 0]


def test_what_is_published_is_the_same_whoever_has_which_policies() -> None:
    one, other = people(NOTHING, ann=STRANGER), people(NOTHING, ann={**CLERK, "policies": ["own"]})
    assert one.configuration.bundle == other.configuration.bundle
    ann = other.named["ann"]
    assert (ann.policies, ann.boundary) == (("own",), ())
    assert ann != replace(ann, policies=())
