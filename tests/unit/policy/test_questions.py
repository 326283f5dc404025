"""Questions about all requests at once, on policies that a person would write."""

from contextlib import suppress
from typing import Any

import pytest

from durward.core.policy.analysis.find import access_differences, asked_for, find, prove
from durward.core.policy.analysis.policy_stack import PolicyStack
from durward.core.policy.engine.predicate import ConditionMatch, compile_statement
from durward.core.policy.engine.request import Principal
from durward.core.policy.language.dialect import AttachmentPoint, imported
from durward.core.policy.language.document import Document, PolicyKind, read_document
from durward.core.policy.symbolic.unknown import Unknown

OWN = "arn:durward:orders:*:${durward:TenantId}:order/*"


def allow(resource: str = "*", action: str = "orders:Get*", **condition: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, "Condition": condition}


def deny(**condition: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}


def documents(*statements: dict[str, Any]) -> list[Document]:
    return [read_document({"Version": "2012-10-17", "Statement": list(statements)}, "p")]


def side(*statements: dict[str, Any]) -> PolicyStack:
    return PolicyStack(documents(*statements))


MFA = {"durward:MultiFactorAuthPresent": "true"}


def test_a_dropped_condition_allows_more_and_an_example_shows_it() -> None:
    old, new = side(allow(Bool=MFA)), side(allow())
    gained, lost = access_differences(old, new)
    assert lost is None
    assert gained is not None
    assert gained.request.facts.get("durward:multifactorauthpresent") != "true"
    assert any(line.startswith("action    orders:get") for line in gained.lines())
    assert gained.to_wire()["action"] == gained.request.action


def test_another_order_of_the_same_statements_is_no_difference() -> None:
    one = side(allow(Bool=MFA), allow("arn:durward:orders:*:acme:*"), deny(Bool={"a:b": "true"}))
    other = side(deny(Bool={"a:b": "true"}), allow("arn:durward:orders:*:acme:*"), allow(Bool=MFA))
    assert access_differences(one, other) == (None, None)


def test_a_resource_with_the_principals_tenant_is_in_its_own_tenant() -> None:
    everywhere = side(allow("arn:durward:orders:*:*:order/*"))
    own = side(allow(OWN))
    gained, lost = access_differences(everywhere, own)
    assert gained is None
    assert lost is not None
    assert not lost.request.segments[4], "what is nobody's, and no other tenant's"
    cross_tenant = PolicyStack(everywhere.grants, cross_tenant=True)
    witness = find(cross_tenant, PolicyStack(own.grants, cross_tenant=True))
    assert witness is not None
    tenant = witness.request.principal.tenant if witness.request.principal else ""
    assert witness.request.segments[4] != tenant


def test_an_invariant_is_proven_or_a_request_breaks_it() -> None:
    (statement,) = documents(allow(Bool=MFA))[0].statements
    with_mfa = ConditionMatch(statement.conditions[0], on_error=False)
    assert prove(side(allow(Bool=MFA)), with_mfa) is None
    broken = prove(side(allow(Bool=MFA), allow("arn:durward:orders:*:acme:*")), with_mfa)
    assert broken is not None
    assert broken.request.segments[4] == "acme"


def test_access_beyond_a_boundary_is_not_allowed() -> None:
    capped = PolicyStack(documents(allow()), [documents(allow(action="orders:GetOrder"))])
    assert find(capped, side(allow(action="orders:GetOrder"))) is None
    assert find(side(allow()), capped) is not None


def test_between_equal_or_wider_boundaries_there_is_nothing_to_search() -> None:
    """A question about what cannot be settled is not asked, where both say it word for word."""
    open_one = allow(StringLike={"app:X": "*T13:00"}, DateEquals={"app:X": "2024-06-01T12:00:00Z"})
    level, wider = documents(allow()), documents(allow(), allow(action="orders:List"))
    capped = PolicyStack(documents(open_one), [level])
    assert find(capped, PolicyStack(documents(open_one), [level])) is None
    assert find(capped, PolicyStack(documents(open_one), [wider, level])) is None
    assert find(capped, PolicyStack(documents(open_one))) is None
    with pytest.raises(Unknown):
        find(PolicyStack(documents(open_one)), capped)
    with pytest.raises(Unknown):
        find(PolicyStack(documents(open_one), [wider]), capped)


def test_the_principals_of_an_action_can_be_listed() -> None:
    reader = side(allow("arn:durward:orders:*:acme:order/*"))
    assert find(reader, under=asked_for("orders:GetOrder")) is not None
    assert find(reader, under=asked_for("orders:CancelOrder")) is None
    assert find(reader, under=asked_for("*", "arn:durward:orders:*:globex:*")) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"NumericLessThan": {"app:X": "10"}}, {"NumericLessThan": {"app:X": "11"}}),
        ({"IpAddress": {"app:X": "10.0.0.0/9"}}, {"IpAddress": {"app:X": "10.0.0.0/8"}}),
        ({"StringLike": {"app:X": "a*b*c"}}, {"StringLike": {"app:X": "a*c"}}),
        ({"DateLessThan": {"app:X": "2026-01-01"}}, {"DateLessThan": {"app:X": "2026-01-02"}}),
        (
            {"ForAllValues:StringEquals": {"app:X": ["a"]}, "Null": {"app:X": "false"}},
            {"ForAnyValue:StringEquals": {"app:X": ["a", "b"]}},
        ),
        ({"ArnLike": {"app:X": "arn:a:b:c:d:e"}}, {"ArnLike": {"app:X": "arn:a:*:c:d:*"}}),
        ({"BinaryEquals": {"app:X": "YQ=="}}, {"Null": {"app:X": "false"}}),
    ],
)
def test_a_narrower_condition_is_contained_in_a_wider(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    narrow, wide = side(allow(**one)), side(allow(**other))
    assert find(narrow, wide) is None
    assert find(wide, narrow) is not None


def order(last: str, **condition: Any) -> dict[str, Any]:
    return allow(f"arn:durward:orders:s:acme:{last}", **condition)


def no_order(last: str) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": "*", "Resource": f"arn:durward:orders:s:acme:{last}"}


def own(key: str, **condition: Any) -> dict[str, Any]:
    """A text that is the value of another key, on which a condition stands."""
    return allow(StringEquals={"app:X": f"${{{key}}}"}, **condition)


@pytest.mark.parametrize(
    "condition",
    [
        {"NumericGreaterThan": {"app:X": 0.2}, "NumericLessThan": {"app:X": 0.8}},
        {"NumericGreaterThan": {"app:X": 4}, "NumericLessThan": {"app:X": 5}},
        {"NumericGreaterThan": {"app:X": "1e30"}, "NumericLessThan": {"app:X": "1e50"}},
        {"NumericGreaterThan": {"app:X": 0}, "NumericLessThan": {"app:X": "1e-45"}},
        {"NumericGreaterThan": {"app:X": "9" * 37}},
        {
            "DateGreaterThan": {"app:X": "2026-01-01T00:00:00Z"},
            "DateLessThan": {"app:X": "2026-01-01T00:00:00.000001Z"},
        },
        {"StringEquals": {"app:X": "7"}, "NumericLessThan": {"app:X": 10}},
        {"StringLike": {"app:X": "10.*"}, "IpAddress": {"app:X": "10.0.0.0/8"}},
        {"StringEqualsIgnoreCase": {"app:X": "K"}, "StringNotEquals": {"app:X": ["k", "K"]}},
        {"StringEqualsIgnoreCase": {"app:X": "s"}, "StringNotEquals": {"app:X": ["s", "S"]}},
        {"StringEqualsIgnoreCase": {"app:X": "ss"}, "StringLike": {"app:X": "?"}},
        {"IpAddress": {"app:X": "::/0"}, "NotIpAddress": {"app:X": "::/17"}},
    ],
)
def test_a_value_is_found_wherever_there_is_one(condition: dict[str, Any]) -> None:
    assert find(side(allow(**condition))) is not None


def test_a_value_that_satisfies_an_allow_and_its_boundary_is_found() -> None:
    below, above = (
        documents(allow(NumericLessThan={"app:X": 5})),
        documents(allow(NumericGreaterThan={"app:X": 4})),
    )
    half = side(allow(NumericEquals={"app:X": 4.5}))
    assert find(PolicyStack(below, [above]), half) is not None


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (order("order/${app:Level}", NumericLessThan={"app:Level": 10}), "order/"),
        (order("order/${app:Own}", StringLike={"app:Own": "team/*"}), "order/team/"),
        (order("order/${app:Own}", ArnLike={"app:Own": "arn:a:b:c:d:e*"}), "order/arn:a:b:c:d:e"),
        (
            order("order/${durward:Subject}", StringEqualsIgnoreCase={"durward:Subject": "ann"}),
            "order/ann",
        ),
        (own("app:Ip", IpAddress={"app:Ip": "10.0.0.0/8"}), ""),
        (own("app:Ok", Bool={"app:Ok": True}), ""),
        (own("app:At", DateLessThan={"app:At": "2026-01-01"}), ""),
        (allow(StringEquals={"app:A": "x${app:B}"}, StringLike={"app:A": "xfoo"}), ""),
        (
            allow(
                ArnLike={"app:A": "arn:a:b:c:d:e/${app:B}"},
                StringEquals={"app:A": "arn:a:b:c:d:e/f"},
            ),
            "",
        ),
    ],
)
def test_a_variable_has_the_values_that_conditions_on_its_key_accept(
    statement: dict[str, Any], expected: str
) -> None:
    witness = find(side(statement))
    assert witness is not None
    assert witness.request.resource.partition("acme:")[2].startswith(expected)


@pytest.mark.parametrize(
    ("resource", "forbidden", "values"),
    [
        ("order/o-${app:Id}", "order/o-7", {"app:Id": "7"}),
        ("order/${app:Id}", "order/a/b", {"app:Id": "a/b"}),
        ("order/${app:Id}/*", "order/a/b", {"app:Id": "a"}),
        ("${app:A}-${app:B}", "q-r", {"app:A": "q", "app:B": "r"}),
        ("${app:A}/${app:A}", "q/q", {"app:A": "q"}),
        ("order/${app:Id, 'all'}", "order/all", {"app:Id": "all"}),
        ("order/${app:Id}", "order/team-*", {"app:Id": "team-x"}),
    ],
)
def test_a_variable_can_have_the_value_that_a_deny_names(
    resource: str, forbidden: str, values: dict[str, str]
) -> None:
    without, with_it = side(order(resource)), side(order(resource), no_order(forbidden))
    witness = find(without, with_it)
    assert witness is not None
    assert witness.request.context == values
    assert find(with_it, without) is None


def test_two_variables_have_values_that_conditions_on_both_keys_accept() -> None:
    grant = documents(order("order/${app:A}", StringLike={"app:A": "a*"}))
    ceiling = documents(order("order/${app:B}", StringLike={"app:B": "*b"}))
    witness = find(PolicyStack(grant, [ceiling]))
    assert witness is not None
    assert witness.request.context["app:A"] == witness.request.context["app:B"]


def test_a_variable_has_no_value_where_its_key_has_several() -> None:
    tags: dict[str, Any] = {"ForAllValues:StringEquals": {"app:Tags": ["a", "b"]}}
    tags["Null"] = {"app:Tags": "false"}
    single = [order(f"order/{each}", **tags) for each in "ab"]
    both = {
        "Effect": "Deny",
        "Action": "*",
        "NotResource": "arn:durward:orders:s:acme:order/${app:Tags}",
    }
    witness = find(side(*single), side(*single, both))
    assert witness is not None
    unless_named = deny(StringEquals={"app:X": ["a", "b", "${app:Tags}"]})
    named = deny(StringEquals={"app:X": ["a", "b"]})
    other = deny(StringEquals={"app:X": "${app:Tags}"})
    assert find(side(allow(**tags), named), side(allow(**tags), unless_named)) is None
    several = deny(StringNotEquals={"app:X": "${app:Tags}"}, StringLike={"app:X": ["a", "b"]})
    found = find(side(allow(**tags, StringLike={"app:X": "?"}), other), side(several))
    assert found is not None


def test_a_key_has_several_values_where_a_set_operator_stands_anywhere() -> None:
    grant = allow(Null={"app:X": "false"})
    ceiling = [documents(allow(), deny(StringNotEquals={"app:X": "a"}))]
    some: dict[str, Any] = {"ForAnyValue:StringEquals": {"app:X": "b"}}
    other = side(allow(**some), allow(StringEquals={"app:X": "a"}))
    assert find(PolicyStack(documents(grant), ceiling), other) is not None


def test_an_unreadable_value_is_found_if_no_other_value_is_an_example() -> None:
    never = deny(StringEquals={"app:X": "a"}, StringLike={"app:X": "b*"})
    witness = find(side(allow()), side(allow(), never))
    assert witness is not None
    assert witness.request.context == {"app:X": {}}
    assert find(side(allow(StringLike={"app:X": "*"})), side(allow(), never)) is None


def test_a_string_that_is_neither_true_nor_false_is_denied_for_both() -> None:
    never = deny(Bool={"app:X": "true"}), deny(Bool={"app:X": "false"})
    there = allow(Null={"app:X": "false"})
    witness = find(side(there, never[0]), side(allow(Bool={"app:X": "false"}), never[0]))
    assert witness is None, "what is not denied is false"
    assert find(side(there, *never)) is None
    assert find(side(allow(StringLike={"app:X": "*"})), side(there, never[0])) is not None
    assert find(side(there), side(there, deny(StringEquals={"app:X": "x"}))) is not None


def test_a_variable_that_bool_compares_is_true_or_false() -> None:
    same = deny(Bool={"app:X": "${app:Y}"})
    there = allow(StringLike={"app:X": "*", "app:Y": "*"})
    witness = find(side(there, same))
    assert witness is not None
    told = {str(witness.request.context[key]).lower() for key in ("app:X", "app:Y")}
    assert told == {"true", "false"}
    other = allow(StringEquals={"app:X": "yes", "app:Y": "yes"})
    assert find(side(other, same)) is None


@pytest.mark.parametrize("arn", ["arn:aws:${app:A}::${app:B}:*", "arn:aws:${app:B}::${app:A}:*"])
def test_a_variable_of_an_arn_that_cannot_be_read_is_found_in_any_order(arn: str) -> None:
    granting = allow(ArnLike={"app:R": "arn:aws:*:*:*:*"}, Null={"app:A": "true"})
    witness = find(side(granting), side(granting, deny(ArnLike={"app:R": arn})))
    assert witness is not None
    assert witness.request.context["app:B"] == {}


def test_not_resource_matches_what_none_of_its_patterns_matches() -> None:
    doubtful = {
        "Effect": "Deny",
        "Action": "*",
        "NotResource": ["arn:durward:orders:*:*:order/*", "arn:durward:orders:*:*:x/${app:Id}"],
    }
    without = {"Null": {"app:Id": "true"}}
    assert find(side(order("order/1", **without), doubtful)) is not None
    assert find(side(order("x/1", **without), doubtful)) is None


@pytest.mark.parametrize(
    "condition",
    [
        {"NumericGreaterThan": {"app:X": 5}, "NumericLessThan": {"app:X": 5}},
        {"StringEquals": {"app:X": "17"}, "NumericLessThan": {"app:X": 10}},
        {"StringLike": {"app:X": "1*"}, "StringEquals": {"app:X": "2"}, "Bool": {"app:X": True}},
        {"IpAddress": {"app:X": "10.0.0.0/8"}, "NumericLessThan": {"app:X": 10}},
        {"StringEquals": {"app:X": ["1.1.1.1", "a"]}, "IpAddress": {"app:X": "10.0.0.0/8"}},
        {"Bool": {"app:X": ["true", "false"]}, "StringLike": {"app:X": "y*"}},
        {"Bool": {"app:X": "true"}, "NumericEquals": {"app:X": 1}},
    ],
)
def test_an_unsatisfiable_condition_is_proven(condition: dict[str, Any]) -> None:
    assert find(side(allow(**condition))) is None


@pytest.mark.parametrize(
    ("like", "is_one"),
    [
        ("1*0", True),
        ("1?3", True),
        ("?5", True),
        ("*e5", True),
        ("0*e?9", True),
        ("5*e-1", True),
        ("a*", False),
        ("-*", False),
        ("9?9e*1", True),
        ("1?e0", True),
        ("11e0*", False),
        ("*.*.*", False),
        ("3??", True),
        ("3?1", True),
        ("31?", False),
        (" 1", False),
    ],
)
def test_a_question_can_be_about_the_spelling_of_a_number(like: str, is_one: bool) -> None:
    between: dict[str, Any] = {
        "NumericGreaterThan": {"app:X": "0.5"},
        "NumericLessThanEquals": {"app:X": "9.95"},
    }
    witness = find(side(allow(StringLike={"app:X": like}, **between)))
    assert (witness is not None) is is_one


def test_a_question_can_be_about_a_value_that_is_no_number() -> None:
    """A Deny holds for what cannot be read, an Allow does not."""
    of_digits: dict[str, Any] = {"StringLike": {"app:X": f"{25 * '1'}{16 * '?'}"}}
    of_digits |= {"StringNotLike": {"app:X": [f"*{sign}*" for sign in "ex~ "]}}
    within = allow(**of_digits, NumericGreaterThan={"app:X": "0"})
    assert find(side(within)) is None
    unread = find(side(allow(**of_digits)), side(allow(NumericGreaterThan={"app:X": "0"})))
    assert unread is not None
    denied = deny(NumericNotEquals={"app:X": "7"})
    assert find(side(allow(StringLike={"app:X": "7*"}), denied)) is not None
    assert find(side(allow(StringLike={"app:X": "x*"}), denied)) is None


def test_a_number_beyond_all_that_can_be_written_is_not_found() -> None:
    longest = "9" * 37 + "e99"
    with suppress(Unknown):
        assert find(side(allow(NumericGreaterThan={"app:X": longest}))) is None
    assert find(side(allow(NumericGreaterThanEquals={"app:X": longest}))) is not None


@pytest.mark.parametrize(
    ("condition", "is_one"),
    [
        ({"StringLike": {"app:X": "arn:a:*:x/*"}, "ArnNotLike": {"app:X": "arn:a:*:*:*:*"}}, False),
        ({"StringLike": {"app:X": "arn:*"}, "ArnNotLike": {"app:X": "arn:a:*:*:*:*"}}, True),
        ({"StringLike": {"app:X": "a*"}, "ArnLike": {"app:X": "arn:?:b:*:c:*d"}}, True),
        ({"StringNotLike": {"app:X": "*:b:*"}, "ArnLike": {"app:X": "arn:a:b:*:*:*"}}, False),
        ({"StringLike": {"app:X": "arn:a:b"}, "ArnNotLike": {"app:X": "arn:c:*:*:*:*"}}, False),
    ],
)
def test_a_question_can_be_about_the_spelling_of_an_arn(
    condition: dict[str, Any], is_one: bool
) -> None:
    assert (find(side(allow(**condition))) is not None) is is_one


@pytest.mark.parametrize(
    ("like", "is_one"),
    [
        ("10.*", True),
        ("11.*", False),
        ("*.1", True),
        ("10.1.*", False),
        ("1?.3?.*", True),
        ("a*", False),
    ],
)
def test_a_question_can_be_about_the_spelling_of_an_address(like: str, is_one: bool) -> None:
    within: Any = {"IpAddress": {"app:X": "10.0.0.0/8"}, "NotIpAddress": {"app:X": "10.1.0.0/16"}}
    assert (find(side(allow(StringLike={"app:X": like}, **within))) is not None) is is_one
    outside = {
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {"NotIpAddress": {"app:X": "10.0.0.0/8"}},
    }
    inside = deny(IpAddress={"app:X": "10.1.0.0/16"})
    assert (find(side(allow(StringLike={"app:X": like}), outside, inside)) is not None) is is_one


def test_a_question_that_cannot_be_decided_is_reported_as_unknown() -> None:
    mixed: dict[str, Any] = {"StringLike": {"app:X": "*T13:00"}}
    mixed |= {"DateEquals": {"app:X": ["2024-06-01T12:00:00Z", "2024-06-02T12:00:00Z"]}}
    with pytest.raises(Unknown, match="several kinds"):
        find(side(allow(**mixed)))


def test_a_question_can_be_about_one_statement() -> None:
    (statement,) = documents(allow(OWN))[0].statements
    assert find(side(allow()), under=compile_statement(statement)) is not None


def test_a_large_question_is_answered_case_by_case() -> None:
    """Of each case less is said, so that a variable has fewer values there."""
    named = [f"{place}-${{app:A}}-{place}" for place in range(6)]
    order = "arn:durward:orders:prod:acme:order"
    several = allow(f"{order}/${{app:A}}", StringLike={"app:X": [*named, "q*${app:A}"]})
    others = [deny(StringEquals={"app:A": text, "app:X": f"{text}-${{app:B}}"}) for text in "abcd"]
    impossible = deny(StringNotLike={"app:X": ["?-*-?"]})
    assert find(side(several, *others)) is not None
    assert find(side(several, *others, impossible), side(allow(f"{order}/*"))) is None


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"app:X": "a${app:A}"}, "StringLike": {"app:X": "b*"}},
        {"ArnLike": {"app:X": "arn:a:b:c:${app:A}:x/*"}, "StringLike": {"app:X": "arn:x:*"}},
        {"StringLike": {"app:X": "*${app:A}", "app:A": "*${app:X}?"}, "Null": {"app:A": True}},
    ],
)
def test_an_impossible_request_is_proven_for_all_values_of_variables(
    condition: dict[str, Any],
) -> None:
    assert find(side(allow(**condition))) is None


def test_a_star_in_string_equals_is_no_wildcard_beside_a_variable() -> None:
    """What is said without the variable's value says no less: `*` in `StringEquals` is a `*`."""
    literal: dict[str, Any] = {"StringEquals": {"app:X": "*${app:A}"}}
    assert find(side(allow(**literal, StringLike={"app:X": "${*}*"}))) is not None
    assert find(side(allow(**literal, StringNotLike={"app:X": "${*}*"}))) is None


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"durward:TenantId": "a"}},
        {"StringEqualsIgnoreCase": {"durward:TenantId": "a"}},
        {"StringLike": {"durward:TenantId": "a*"}},
    ],
)
def test_a_variable_for_the_tenant_of_a_resource_can_be_the_principals_tenant(
    condition: dict[str, Any],
) -> None:
    """A resource of one's own tenant, whatever the variable of its tenant reads."""
    witness = find(side(allow("arn:durward:orders:s:${app:A}:order/*", **condition)))
    assert witness is not None
    tenant = witness.request.context["app:A"]
    assert witness.request.principal is not None
    assert witness.request.principal.tenant == tenant
    assert witness.request.segments[4] == tenant


ANN = "arn:durward:iam::acme:user/ann"


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"durward:PrincipalArn": ANN}},
        {"ArnLike": {"durward:PrincipalArn": "arn:durward:iam::*:client/*"}},
        {
            "StringLike": {"durward:PrincipalArn": "*user/a*"},
            "StringEquals": {"durward:TenantId": "acme"},
        },
        {"ArnNotLike": {"durward:PrincipalArn": "arn:durward:iam::*:user/*"}},
        {"StringNotLike": {"durward:TenantId": "?"}},
        {"StringLikeIfExists": {"durward:Subject": "*a*"}},
        {"StringNotEquals": {"durward:Subject": ["~", "x"], "durward:PrincipalType": "user"}},
    ],
)
def test_an_example_has_a_possible_principal(condition: dict[str, Any]) -> None:
    assert find(side(allow(**condition))) is not None


@pytest.mark.parametrize(
    "condition",
    [
        {"Null": {"durward:Subject": "true"}},
        {"StringEquals": {"durward:TenantId": ""}},
        {"StringLike": {"durward:PrincipalType": "anonymous"}},
        {"StringLike": {"durward:PrincipalArn": "ann"}},
        {"StringEquals": {"durward:PrincipalArn": ANN, "durward:TenantId": "globex"}},
        {"StringLike": {"durward:TenantId": "*:*"}},
    ],
)
def test_an_impossible_principal_is_proven(condition: dict[str, Any]) -> None:
    """Who has signed in has a name, of a kind, and a tenant."""
    assert find(side(allow(**condition))) is None


@pytest.mark.parametrize("cross_tenant", [False, True])
@pytest.mark.parametrize("who", [ANN, "arn:durward:iam::acme:role/clerk"])
@pytest.mark.parametrize(
    "statement",
    [
        allow(StringEquals={"durward:ResourceOwner": "${durward:Subject}"}),
        allow("arn:durward:orders:prod:${durward:TenantId}:order/*"),
        allow("arn:durward:orders:prod:${durward:TenantId}:order/${durward:Subject}"),
        allow("arn:durward:orders:prod:acme:${durward:PrincipalType}/*"),
    ],
)
def test_a_variable_can_be_a_part_of_the_principals_name(
    statement: dict[str, Any], who: str, cross_tenant: bool
) -> None:
    named = {**statement, "Principal": {"Durward": who}}
    body: Any = {"Version": "2012-10-17", "Statement": [named]}
    witness = find(
        PolicyStack([read_document(body, "p", PolicyKind.RESOURCE)], cross_tenant=cross_tenant)
    )
    assert witness
    assert witness.request.principal
    assert who in witness.request.principal.arns
    assert witness.request.principal.kind == "user"


def test_a_variable_for_the_principal_is_a_possible_string() -> None:
    others = allow("arn:durward:orders:prod:acme:user/*")
    varied = allow("arn:durward:orders:prod:acme:${durward:PrincipalType}/*")
    witness = find(side(varied), side(others))
    assert witness
    assert witness.request.principal
    assert witness.request.principal.kind in {"client", "root", "session"}
    as_tenant = allow(StringEquals={"durward:TenantId": "${app:A}", "app:A": "a:b"})
    assert find(side(as_tenant)) is None


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("arn:aws:sts::1:assumed-role/clerk/one", "arn:durward:iam::1:session/clerk/one"),
        ("arn:aws:iam::1:root", "arn:durward:iam::1:root/~"),
    ],
)
def test_a_name_of_aws_belongs_to_its_account(name: str, own: str) -> None:
    """What an account is granted there it has itself alone."""
    body: Any = {"Version": "2012-10-17", "Statement": [{**allow(), "Principal": {"AWS": name}}]}
    witness = find(
        PolicyStack(
            [read_document(body, "p", PolicyKind.RESOURCE, imported(AttachmentPoint.RESOURCE))]
        )
    )
    assert witness
    assert witness.request.principal
    assert witness.request.principal.arns[0] == own


@pytest.mark.parametrize("denied", ["globex", "acme"])
@pytest.mark.parametrize("person", [None, Principal("ann", "user", "acme")])
def test_a_variable_for_the_tenant_can_be_that_of_the_asked_principal(
    person: Principal | None, denied: str
) -> None:
    """Or there is none, where theirs is denied."""
    granted = allow("arn:durward:orders:prod:${app:Tenant}:order/*")
    refused = {**deny(), "Resource": f"arn:durward:*:*:{denied}:*"}
    witness = find(PolicyStack(documents(granted, refused), principal=person))
    assert witness
    assert witness.request.segments[4] == witness.request.context["app:Tenant"]
    assert person is None or denied == "globex" or not witness.request.segments[4]


def test_an_imported_resource_without_a_meaning_matches_nothing() -> None:
    short: Any = {**allow("arn:durward:orders:prod:acme"), "Principal": "*"}
    body: Any = {"Version": "2012-10-17", "Statement": [short]}
    assert (
        find(
            PolicyStack(
                [read_document(body, "p", PolicyKind.RESOURCE, imported(AttachmentPoint.RESOURCE))]
            )
        )
        is None
    )


def test_an_imported_action_with_a_space_matches_no_operation() -> None:
    spaced = {**allow(), "Action": "orders:Get Order"}
    body: Any = {"Version": "2012-10-17", "Statement": [spaced]}
    assert find(PolicyStack([read_document(body, "p", PolicyKind.IDENTITY, imported())])) is None


@pytest.mark.parametrize("cross_tenant", [False, True])
def test_an_account_passes_on_only_grants_of_other_accounts(cross_tenant: bool) -> None:
    ann = Principal("ann", "user", "1")
    body: Any = {"Version": "2012-10-17", "Statement": [{**allow(), "Principal": {"AWS": "1"}}]}
    granted = read_document(body, "p", PolicyKind.RESOURCE, imported(AttachmentPoint.RESOURCE))
    witness = find(PolicyStack([granted], cross_tenant=cross_tenant, principal=ann))
    assert (witness is not None) is cross_tenant
    assert not witness or witness.request.is_cross_tenant


@pytest.mark.parametrize("tenant", ["acme", "globex"])
def test_a_named_principal_has_the_name_and_the_tenant(tenant: str) -> None:
    named = {**allow(StringEquals={"durward:TenantId": tenant}), "Principal": {"Durward": ANN}}
    version = "2012-10-17"
    document = read_document({"Version": version, "Statement": [named]}, "p", PolicyKind.RESOURCE)
    witness = find(PolicyStack([document]))
    assert (witness is not None) is (tenant == "acme")
    if witness:
        assert witness.request.principal
        assert witness.request.principal.arns[0] == ANN
