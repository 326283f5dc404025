"""The decision and its explanation, rule by rule."""

from decimal import Decimal
from typing import Any

import pytest

from durward.core.policy.analysis.explain import explain
from durward.core.policy.engine.decision import Layer, Result
from durward.core.policy.engine.evaluate import Policies, PolicySet
from durward.core.policy.engine.predicate import (
    Constant,
    Not,
    Or,
    ResourceMatch,
    compile_statement,
    holds,
    keys_of,
)
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.policy.engine.residual import Beginning, residual
from durward.core.policy.language.automaton import STAR
from durward.core.policy.language.document import PolicyKind, read_document
from durward.core.policy.language.operators import parse_date
from durward.core.policy.language.pattern import Variable, parse_resource, parse_template
from durward.core.policy.language.source import PolicyError

ANN = Principal("ann", "user", "acme", roles=("clerk",), client="cli")
ORDER = "arn:durward:orders:prod:acme:order/1"
OWN = {
    "Sid": "Own",
    "Effect": "Allow",
    "Action": "orders:Get*",
    "Resource": "arn:durward:orders:*:${durward:TenantId}:order/*",
}


def policy(
    *statements: dict[str, Any], name: str = "p", kind: PolicyKind = PolicyKind.IDENTITY
) -> Any:
    return read_document({"Version": "2012-10-17", "Statement": list(statements)}, name, kind)


def request(
    principal: Principal | None = ANN, resource: str = ORDER, **context: str | tuple[str, ...]
) -> AccessRequest:
    facts = {f"durward:{key}": value for key, value in context.items()}
    return AccessRequest(principal, "orders:GetOrder", resource, facts)


def with_role(*statements: dict[str, Any], **others: Any) -> PolicySet:
    return PolicySet(Policies(identity={"role/clerk": [policy(*statements)]}, **others))


@pytest.mark.requirement("ZT-6")
def test_a_role_allows_in_its_own_tenant_and_says_which_statement() -> None:
    answer = with_role(OWN).evaluate(request())
    assert (answer.result, answer.because) == (Result.ALLOW, ("p/Own",))


@pytest.mark.requirement("ZT-6")
def test_an_explicit_deny_wins_over_every_allow() -> None:
    deny = {"Sid": "Never", "Effect": "Deny", "Action": "*", "Resource": "*"}
    answer = with_role(OWN, deny).evaluate(request())
    assert (answer.result, answer.because) == (Result.EXPLICIT_DENY, ("p/Never",))


def test_another_tenants_resource_needs_the_grant_of_both() -> None:
    everything = {"Sid": "All", "Effect": "Allow", "Action": "*", "Resource": "*"}
    theirs = "arn:durward:orders:prod:globex:order/1"
    assert with_role(everything).evaluate(request(resource=theirs)).blocked_by == (Layer.RESOURCE,)
    shared = {**everything, "Principal": {"Durward": "arn:durward:iam::acme:user/ann"}}
    both = with_role(everything, resources={"orders": [policy(shared, kind=PolicyKind.RESOURCE)]})
    assert both.evaluate(request(resource=theirs)).allowed


def test_only_a_resource_policy_lets_nobody_in() -> None:
    anybody = {"Effect": "Allow", "Action": "orders:GetOrder", "Principal": "*"}
    public = PolicySet(Policies(resources={"orders": [policy(anybody, kind=PolicyKind.RESOURCE)]}))
    assert public.evaluate(request(None)).allowed
    assert not with_role(OWN).evaluate(request(None)).allowed


@pytest.mark.parametrize("layer", ["boundaries", "guardrails"])
def test_a_ceiling_caps_also_what_a_resource_policy_grants(layer: str) -> None:
    anybody = {"Effect": "Allow", "Action": "*", "Principal": "*"}
    cap = policy({**OWN, "Action": "orders:ListOrders"}, name="cap")
    ceiling: Any = {"user/ann": [cap]} if layer == "boundaries" else [[cap]]
    resources = {"orders": [policy(anybody, kind=PolicyKind.RESOURCE)]}
    capped = PolicySet(Policies(resources=resources, **{layer: ceiling}))
    assert capped.evaluate(request()).result is Result.IMPLICIT_DENY


def test_the_boundary_of_a_client_caps_the_people_who_use_it() -> None:
    cap = policy({**OWN, "Action": "orders:ListOrders"}, name="cap")
    capped = with_role(OWN, boundaries={"client/cli": [cap]})
    assert capped.evaluate(request()).blocked_by == (Layer.BOUNDARY,)


def test_scopes_narrow_and_never_widen() -> None:
    engine = with_role(OWN, scopes={"read": frozenset({"orders:GetOrder"})})
    scoped = Principal("ann", "user", "acme", ("clerk",), scopes=frozenset({"read"}))
    other = Principal("ann", "user", "acme", ("clerk",), scopes=frozenset({"write"}))
    stranger = Principal("eve", "user", "acme", scopes=frozenset({"read"}))
    assert engine.evaluate(request(scoped)).allowed
    assert engine.evaluate(request(other)).blocked_by == (Layer.SESSION,)
    assert not engine.evaluate(request(stranger)).allowed


def test_the_context_cannot_say_who_the_principal_is() -> None:
    theirs = "arn:durward:orders:prod:globex:order/1"
    forged = request(resource=theirs, tenantid="globex", subject="bob", roles=("admin",))
    assert not with_role(OWN).evaluate(forged).allowed


def test_a_wildcard_in_a_users_name_is_literal() -> None:
    mine = {**OWN, "Resource": "arn:durward:orders:*:acme:order/${durward:Subject}"}
    star = Principal("*", "user", "acme", ("clerk",))
    assert not with_role(mine).evaluate(request(star)).allowed


def test_what_cannot_be_read_denies() -> None:
    young = {**OWN, "Condition": {"NumericLessThan": {"durward:AuthAge": 300}}}
    above = {"NumericGreaterThan": {"durward:AuthAge": 300}}
    old = {**OWN, "Sid": "Old", "Effect": "Deny", "Condition": above}
    assert with_role(young).evaluate(request(authage="10")).allowed
    assert not with_role(young).evaluate(request(authage="ten")).allowed
    assert with_role(OWN, old).evaluate(request(authage="ten")).result is Result.EXPLICIT_DENY


@pytest.mark.parametrize("told", ["yes", "1", "", " true", "on", "nottrue"])
@pytest.mark.parametrize("named", ["true", "false", "${durward:DeviceTrust}"])
def test_what_is_no_truth_value_opens_nothing(named: str, told: str) -> None:
    guard = {"Bool": {"durward:RequestTag/locked": named}}
    deny = {**OWN, "Sid": "Locked", "Effect": "Deny", "Condition": guard}
    facts: dict[str, Any] = {"requesttag/locked": told, "devicetrust": "false"}
    asked = request(**facts)
    assert with_role(OWN, deny).evaluate(asked).result is Result.EXPLICIT_DENY
    assert not with_role({**OWN, "Condition": guard}).evaluate(asked).allowed


def test_a_truth_value_of_a_list_that_is_none_is_not_read_over() -> None:
    some: dict[str, Any] = {"ForAnyValue:Bool": {"durward:QueryParam/dry": "true"}}
    deny = {**OWN, "Sid": "Dry", "Effect": "Deny", "Condition": some}
    for told, expected in [
        (("false", "FALSE"), Result.ALLOW),
        (("false", "yes"), Result.EXPLICIT_DENY),
        ((), Result.ALLOW),
    ]:
        facts: dict[str, Any] = {"queryparam/dry": told}
        assert with_role(OWN, deny).evaluate(request(**facts)).result is expected


@pytest.mark.parametrize(
    ("trust", "allowed", "denied"),
    [
        ("true", True, True),
        ("TRUE", True, True),
        ("false", False, False),
        ("yes", False, True),
        (("true",), False, False),
        (None, False, False),
    ],
)
def test_a_truth_value_is_compared_with_a_variables(
    trust: Any, allowed: bool, denied: bool
) -> None:
    same = {"Bool": {"durward:RequestTag/soft": "${durward:DeviceTrust}"}}
    facts = {"requesttag/soft": "True", **({} if trust is None else {"devicetrust": trust})}
    asked = request(**facts)
    deny = {**OWN, "Sid": "Same", "Effect": "Deny", "Condition": same}
    assert with_role({**OWN, "Condition": same}).evaluate(asked).allowed is allowed
    found = with_role(OWN, deny).evaluate(asked).result
    assert (found is Result.EXPLICIT_DENY) is denied


def test_a_variable_without_a_value_does_not_hide_what_is_no_truth_value() -> None:
    same = {"Bool": {"durward:ResourceAttr/paid": "${durward:DeviceTrust}"}}
    statement = policy({**OWN, "Effect": "Deny", "Condition": same}).statements[0]
    known = dict.fromkeys(["durward:devicetrust"])
    left = residual(compile_statement(statement).parts[-1], known)
    assert holds(left, {"durward:resourceattr/paid": "yes"})
    assert not holds(left, {"durward:resourceattr/paid": "true"})


@pytest.mark.parametrize("pair", [("${app:A}", "${app:B}"), ("${app:B}", "${app:A}")])
def test_the_order_of_variables_in_an_arn_makes_no_difference(pair: tuple[str, str]) -> None:
    wanted = f"arn:aws:{pair[0]}:x:{pair[1]}:y"
    told = {"app:R": "arn:aws:s3:x:acme:y", "app:B": {"cannot be": "read"}}
    asked = AccessRequest(ANN, "orders:GetOrder", ORDER, told)
    for operator in ("ArnLike", "ArnNotLike"):
        condition = {operator: {"app:R": wanted}}
        assert not with_role({**OWN, "Condition": condition}).evaluate(asked).allowed
        deny = {**OWN, "Sid": "Never", "Effect": "Deny", "Condition": condition}
        assert with_role(OWN, deny).evaluate(asked).result is Result.EXPLICIT_DENY


def test_an_explanation_names_the_nearest_statement_and_both_values() -> None:
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


def test_an_explanation_of_an_allow_names_its_statement() -> None:
    told = explain(with_role(OWN), request())
    assert told.reason == "allowed by `p/Own`"
    assert [candidate.statement for candidate in told.candidates] == ["p/Own"]


def test_an_explanation_names_the_scope_that_is_missing() -> None:
    engine = with_role(OWN, scopes={"read": frozenset({"orders:GetOrder"}), "x": frozenset()})
    bare = Principal("ann", "user", "acme", ("clerk",), scopes=frozenset({"x"}))
    told = explain(engine, request(bare))
    assert told.reason == "the token has none of the scopes `read`"
    assert "scope: the token would need `read`" in told.lines()


def test_an_explanation_of_a_deny_and_of_silence() -> None:
    deny = {"Sid": "Never", "Effect": "Deny", "Action": "*", "Resource": "*"}
    assert explain(with_role(OWN, deny), request()).reason == "denied by `p/Never`"
    silent = explain(PolicySet(Policies()), request())
    assert list(silent.lines()) == ["no statement that applies to this principal names the action"]


def test_principals_and_presence_are_explained_too() -> None:
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


def test_partial_evaluation_leaves_only_what_is_not_known() -> None:
    read = policy({**OWN, "Condition": {"StringEquals": {"durward:Acr": "mfa"}}})
    predicate = compile_statement(read.statements[0])
    assert keys_of(predicate) == {"action", "resource", "durward:tenantid", "durward:acr"}
    known = {"action": "orders:GetOrder", "resource": ORDER, "durward:tenantid": "acme"}
    rest = residual(predicate, known)
    assert keys_of(rest) == {"durward:acr"}
    assert residual(rest, {"durward:acr": "mfa"}) == Constant(value=True)
    assert residual(predicate, {"action": "orders:CancelOrder"}) == Constant(value=False)
    either = Or((Not(rest), rest))
    assert keys_of(either) == {"durward:acr"}
    assert holds(either, {"durward:acr": "x"})
    assert residual(either, {"durward:acr": "x"}) == Constant(value=True)
    assert keys_of(residual(either, {})) == {"durward:acr"}
    assert residual(Or(()), {}) == Constant(value=False)
    assert keys_of(Constant(value=True)) == frozenset()


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("order/*", "order/1/line/2:x", True),
        ("*/line/?", "order/1/line/2", True),
        ("*/line/?", "order/1/line/22", False),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "ac", False),
        ("ab*ba", "aba", False),
        ("?", "", False),
        ("*", "", True),
        ("order/${*}", "order/*", True),
        ("order/${*}", "order/1", False),
    ],
)
def test_wildcards(pattern: str, text: str, expected: bool) -> None:
    found = parse_resource(f"arn:durward:o:s:t:{pattern}")
    assert found.matches(f"arn:durward:o:s:t:{text}".split(":", 5), nothing) is expected


@pytest.mark.timeout(20)
def test_many_wildcards_do_not_backtrack() -> None:
    pattern = parse_resource("arn:durward:o:s:t:" + "*a" * 15 + "b")
    assert not pattern.matches(("arn", "durward", "o", "s", "t", "a" * 100_000), nothing)


def nothing(_: str) -> None:
    return None


def test_many_objects_are_decided_like_each() -> None:
    policies = with_role(OWN)
    theirs = "arn:durward:orders:prod:globex:order/1"
    answers = policies.evaluate_many(ANN, "orders:GetOrder", [(ORDER, {}), (theirs, {})])
    assert [answer.allowed for answer in answers] == [True, False]


def test_what_somebody_can_do_to_an_object_is_told() -> None:
    asked = ["orders:GetOrder", "orders:GetLines", "orders:CancelOrder"]
    assert with_role(OWN).what_can(request(), asked) == {"orders:GetOrder", "orders:GetLines"}


def test_the_keys_that_matter_are_known() -> None:
    condition = {"NumericLessThan": {"durward:AuthAge": 60}}
    keys = with_role({**OWN, "Condition": condition}).keys_read(request())
    assert {"durward:authage", "durward:tenantid", "resource"} <= keys
    assert "durward:sourceip" not in keys


@pytest.mark.parametrize(
    ("last", "left"),
    [
        ("*", Constant(value=True)),
        ("order/*", Constant(value=True)),
        ("ord*", Constant(value=True)),
        ("report/*", Constant(value=False)),
        ("order", None),
        ("order/1*", None),
        ("order/?", None),
        ("*/1", None),
        ("${durward:Subject}*", None),
    ],
)
def test_the_beginning_of_a_resource_settles_what_it_can(last: str, left: Constant | None) -> None:
    pattern = parse_resource(f"arn:durward:orders:prod:${{durward:TenantId}}:{last}")
    names = ResourceMatch((pattern,), complement=False, on_error=False)
    resource = ("arn", "durward", "orders", "prod", "acme", Beginning("order/"))
    found = residual(names, {"durward:tenantid": "acme"}, resource)
    assert found == left if left else isinstance(found, ResourceMatch)


def test_what_is_filled_into_a_pattern_is_one_text_with_its_neighbours() -> None:
    template = parse_template("*${app:None}*a${app:Star}b${app:Open}", wildcards=True)
    filled = template.filled({"app:none": "", "app:star": "*"})
    assert filled.parts == (STAR, "a*b", Variable("app:open"))


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2026-11", "1793491200"),
        ("2026-11-24", "1795478400"),
        ("2026-11-24T01:00+01:00", "1795478400"),
        ("2026-11-24t00:00:00.00000000000000001z", "1795478400.00000000000000001"),
        ("1795478400.00000000000000001", "1795478400.00000000000000001"),
    ],
)
def test_an_instant_is_read_exactly(written: str, seconds: str) -> None:
    assert str(parse_date(written).normalize()) == str(Decimal(seconds).normalize())


@pytest.mark.parametrize(
    "text", ["2026", "2026-13", "2026-11-31", "2026-11T10:00Z", "2026-11-24T24:00Z", "20261124T10Z"]
)
def test_what_is_no_date_of_the_forms_is_none(text: str) -> None:
    if text.isdigit():  # seconds since 1970
        assert parse_date(text) == int(text)
        return
    with pytest.raises(ValueError, match="date"):
        parse_date(text)


@pytest.mark.parametrize(
    "text",
    [
        *("2026-11-24T24:00Z", "2026-11-24t24:00:00.0"),
        *("2026-11-24T23:60Z", "2026-11-24T23:59:60Z"),
        *("2026-11-24T23:59+24:00", "2026-11-24T23:59+01:60", "2026-11-24T23:59-0199"),
    ],
)
def test_a_time_that_no_clock_shows_is_no_form_of_a_date(text: str) -> None:
    with pytest.raises(ValueError, match="neither a date nor"):
        parse_date(text)
    early = {**OWN, "Condition": {"DateLessThan": {"app:At": "2030-01-01"}}}
    asked = AccessRequest(ANN, "orders:GetOrder", ORDER, {"app:At": text})
    assert not with_role(early).evaluate(asked).allowed


@pytest.mark.parametrize("text", ["fe80::1%eth0", "10.0.0.1%1", "fe80::/10%x"])
def test_an_address_with_a_zone_is_none(text: str) -> None:
    with pytest.raises(PolicyError):
        policy({**OWN, "Condition": {"IpAddress": {"durward:SourceIp": text}}})
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    policies = with_role(OWN, {**deny, "Condition": {"IpAddress": {"durward:SourceIp": "::1"}}})
    assert policies.evaluate(request(SourceIp=text)).result is Result.EXPLICIT_DENY
