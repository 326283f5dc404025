"""What people are told of a decision: the statement that made it, or nearly did."""

from tests.unit.policy.test_decisions import ORDER, OWN, policy, request, with_role

from durward.core.policy.analysis.explain import explain
from durward.core.policy.engine.evaluate import Policies, PolicySet
from durward.core.policy.engine.request import Principal
from durward.core.policy.language.document import PolicyKind


def test_a_denial_is_explained_by_the_nearest_statement_with_expected_and_actual_values() -> None:
    strong = {**OWN, "Sid": "Strong", "Condition": {"StringEquals": {"durward:Acr": "mfa"}}}
    told = explain(with_role(OWN, strong), request(resource=ORDER.replace("acme", "globex")))
    assert told.reason == "no statement allows it"
    lines = list(told.lines())
    assert "tenant: the resource is another tenant's; its own policy must allow it too" in lines
    place = lines.index("nearest: Allow in `p/Own` (identity policy)")
    assert lines[place + 1] == (
        "  Resource wants `arn:durward:orders:*:${durward:TenantId}:order/*` "
        "(where durward:TenantId `acme`), was `arn:durward:orders:prod:globex:order/1`"
    )
    assert "  StringEquals durward:Acr wants `mfa`, was absent" in lines


def test_an_allow_is_explained_by_its_statement() -> None:
    told = explain(with_role(OWN), request())
    assert told.reason == "allowed by `p/Own`"
    assert [candidate.statement for candidate in told.candidates] == ["p/Own"]


def test_a_denial_names_the_missing_scope() -> None:
    engine = with_role(OWN, scopes={"read": frozenset({"orders:GetOrder"}), "x": frozenset()})
    bare = Principal("ann", "user", "acme", ("clerk",), scopes=frozenset({"x"}))
    told = explain(engine, request(bare))
    assert told.reason == "the token has none of the scopes `read`"
    assert "scope: the token would need `read`" in told.lines()


def test_a_deny_is_explained_by_its_statement_and_a_default_deny_as_such() -> None:
    deny = {"Sid": "Never", "Effect": "Deny", "Action": "*", "Resource": "*"}
    assert explain(with_role(OWN, deny), request()).reason == "denied by `p/Never`"
    silent = explain(PolicySet(Policies()), request())
    assert list(silent.lines()) == ["no statement that applies to this principal names the action"]


def test_principal_not_principal_and_null_are_explained_too() -> None:
    bob = {"Durward": "arn:durward:iam::acme:user/bob"}
    named = {"Effect": "Allow", "Action": "*", "Principal": bob}
    others = {"Effect": "Allow", "Action": "*", "NotPrincipal": "*"}
    null = {"Null": {"durward:Acr": False}}
    fresh = {"Effect": "Allow", "Action": "*", "Principal": "*", "Condition": null}
    document = policy(named, others, fresh, kind=PolicyKind.RESOURCE)
    told = list(explain(PolicySet(Policies(resources={"orders": [document]})), request()).lines())
    assert any("Principal wants `arn:durward:iam::acme:user/bob`" in line for line in told)
    assert any(line.startswith("  NotPrincipal wants *") for line in told)
    assert "  Null durward:Acr wants `false`, was absent" in told
