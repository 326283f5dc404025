"""Lint: what is legal in a policy and yet most likely not meant.

A table of checks. Errors are about what means nothing, or something else than it says; `check`
tells only those that come from the catalogue.
"""

from collections.abc import Iterator, Sequence

from durward.core.policy.analysis.checks import absence, breadth, declared, reach, vocabulary
from durward.core.policy.analysis.checks import misread_values as values
from durward.core.policy.analysis.checks.view import DeclaredEntities, Rule, View, view_of
from durward.core.policy.analysis.finding import Check, Finding, Severity
from durward.core.policy.language.catalogue import Catalogue
from durward.core.policy.language.document import Document
from durward.core.policy.language.source import Problem

MAX_FINDINGS = 500

VOCABULARY: Sequence[tuple[Check, Rule]] = (
    (
        Check(
            "unknown-action",
            Severity.ERROR,
            "a pattern that matches no operation allows and denies nothing",
            "write `api:OperationId` as the api's openapi document has it",
        ),
        vocabulary.unknown_actions,
    ),
    (
        Check(
            "unknown-resource",
            Severity.ERROR,
            "a pattern of an api or type that does not exist names nothing",
            "write `<type>/<id>` as `x-durward: resource` of the operation has it",
        ),
        vocabulary.unknown_types,
    ),
    (
        Check(
            "unknown-key",
            Severity.ERROR,
            "a key that nothing provides is absent from every request",
            "write a key of docs/policy-language.md",
        ),
        vocabulary.unknown_keys,
    ),
    (
        Check(
            "operator-type",
            Severity.ERROR,
            "an operator of another type compares what the value does not mean",
            "use an operator of the key's type",
        ),
        vocabulary.unfit_operators,
    ),
    (
        Check(
            "set-operator-on-one-value",
            Severity.ERROR,
            "`ForAllValues` on one value adds only that an absent key satisfies it",
            "leave the quantifier out",
        ),
        vocabulary.set_operators_on_one,
    ),
    (
        Check(
            "plain-operator-on-values",
            Severity.ERROR,
            "on a key of several values an operator without quantifier never holds",
            "say whether one value is to fit, or all of them",
        ),
        vocabulary.plain_operators_on_many,
    ),
    (
        Check(
            "variable-of-values",
            Severity.ERROR,
            "a key of several values is no variable: what it stands in matches nothing",
            "compare the key itself by `ForAnyValue:…`, or use a key of one value",
        ),
        vocabulary.variables_of_several_values,
    ),
)
"""What needs the catalogue: names, types and cardinalities."""

ADVICE: Sequence[tuple[Check, Rule]] = (
    (
        Check(
            "allow-all-actions",
            Severity.SECURITY,
            "it also allows every operation that is declared later",
            "list the actions",
            grants=True,
        ),
        breadth.star_actions,
    ),
    (
        Check(
            "allow-all-resources",
            Severity.SECURITY,
            "it names the resources of every tenant",
            "name the tenant and the type: `…:${durward:TenantId}:order/*`",
            grants=True,
        ),
        breadth.star_resources,
    ),
    (
        Check(
            "allow-not-action",
            Severity.SECURITY,
            "what is declared later is allowed without anybody's decision",
            "list what is allowed by `Action`, or deny by `Action`",
            grants=True,
        ),
        breadth.not_actions,
    ),
    (
        Check(
            "allow-not-resource",
            Severity.SECURITY,
            "what is declared later is allowed without anybody's decision",
            "list what is allowed by `Resource`, or deny by `Resource`",
            grants=True,
        ),
        breadth.not_resources,
    ),
    (
        Check(
            "allow-not-principal",
            Severity.SECURITY,
            "everybody else is allowed, also who has not signed in",
            "list who is allowed by `Principal`, or deny by `Principal`",
            grants=True,
        ),
        breadth.not_principals,
    ),
    (
        Check(
            "everybody-of-a-tenant",
            Severity.SECURITY,
            '`Principal: "*"` is whoever asks, of whichever tenant',
            "name roles or groups of the tenant, or compare `durward:TenantId`",
            grants=True,
        ),
        breadth.everybody_of_a_tenant,
    ),
    (
        Check(
            "everybody-with-a-token",
            Severity.WARNING,
            '`Principal: "*"` reads as public, and the operation is not',
            "write `security: []` to the operation, or name who is meant",
            grants=True,
        ),
        breadth.everybody_with_a_token,
    ),
    (
        Check(
            "for-all-values-unguarded",
            Severity.SECURITY,
            "`ForAllValues` holds where there is no value at all",
            "ask for the key's presence by `Null`",
        ),
        absence.unguarded_for_all,
    ),
    (
        Check(
            "allow-when-absent",
            Severity.SECURITY,
            "negated and `IfExists` operators hold where the key is absent",
            "ask for the key's presence by `Null`",
        ),
        absence.holds_when_absent,
    ),
    (
        Check(
            "deny-not-when-absent",
            Severity.SECURITY,
            "a positive operator does not hold where the key is absent, so nothing is denied",
            "use `…IfExists`, or say by `Null` what an absent key means",
        ),
        absence.fails_when_absent,
    ),
    (
        Check(
            "key-never-present",
            Severity.WARNING,
            "the condition is as if the key were absent from every request",
            "use a key that these operations have",
        ),
        absence.never_provided,
    ),
    (
        Check(
            "unknown-tenant",
            Severity.WARNING,
            "a resource of a tenant that there is not is nobody's: a Deny of it denies nothing",
            "write a tenant as it is declared, or `${durward:TenantId}`",
        ),
        declared.unknown_tenants,
    ),
    (
        Check(
            "unknown-stage",
            Severity.WARNING,
            "no request is about an api in a stage that it does not have",
            "write the stage that the api declares, or `*`",
        ),
        declared.unknown_stages,
    ),
    (
        Check(
            "unknown-principal",
            Severity.WARNING,
            "a Deny of somebody that there is not denies nobody, `NotPrincipal` of them everybody",
            "write `arn:durward:iam::<tenant>:user/<id>` (`client/`, `role/`, `group/`)",
        ),
        declared.unknown_principals,
    ),
    (
        Check(
            "impossible-value",
            Severity.WARNING,
            "no request has the value: an Allow of it allows nothing, a Deny denies nothing",
            "write a value that is declared",
        ),
        declared.impossible_values,
    ),
    (
        Check(
            "blank-around",
            Severity.WARNING,
            "blanks are compared like every other character",
            "remove them",
        ),
        values.blanks_around,
    ),
    (
        Check(
            "any-text",
            Severity.WARNING,
            "a pattern that every text fits asks only whether the key is there",
            "say so by `Null`, or write the texts that are meant",
        ),
        values.any_text,
    ),
    (
        Check(
            "null-of-both",
            Severity.WARNING,
            "a key is there or it is not: the condition says nothing",
            "write `true` for absent or `false` for present, or remove it",
        ),
        values.null_of_both,
    ),
    (
        Check(
            "no-statement",
            Severity.WARNING,
            "without a statement nothing is allowed, and a boundary or a guardrail leaves nothing",
            "write a statement, or remove the policy",
        ),
        values.no_statements,
    ),
    (
        Check(
            "wildcard-in-equals",
            Severity.WARNING,
            "`StringEquals` compares the characters as they are",
            "write `StringLike`",
        ),
        vocabulary.wildcards_in_equals,
    ),
    (
        Check(
            "odd-instant",
            Severity.WARNING,
            "a date that is a number counts seconds since 1970: no years, no milliseconds",
            "write a date such as `2026-01-01`",
        ),
        values.odd_instants,
    ),
    (
        Check(
            "whole-range",
            Severity.WARNING,
            "an address with a length behind it means every address of the range",
            "write the first address of the range, or the address alone",
        ),
        values.host_bits,
    ),
    (
        Check(
            "never-applies",
            Severity.WARNING,
            "the statement has no effect on any request",
            "correct it, or remove it",
        ),
        reach.impossible_statements,
    ),
    (
        Check(
            "shadowed",
            Severity.WARNING,
            "a Deny wins over every Allow",
            "remove one of the two, or narrow the Deny",
        ),
        reach.shadowed_statements,
    ),
    (
        Check(
            "redundant",
            Severity.SUGGESTION,
            "who changes one of the two will believe to have changed what is allowed",
            "remove it",
        ),
        reach.redundant_statements,
    ),
    (
        Check(
            "redundant-value",
            Severity.SUGGESTION,
            "who removes one of the two will believe to have removed what it says",
            "remove it",
        ),
        values.redundant_values,
    ),
    (
        Check(
            "object-unbound",
            Severity.SECURITY,
            "whoever can name an object's id reaches it (OWASP API1:2023)",
            "put `${durward:TenantId}` or `${durward:Subject}` into the resource, or compare "
            "`durward:ResourceTenant` or `durward:ResourceOwner`",
            grants=True,
        ),
        reach.unbound_objects,
    ),
)
"""What is legal and most likely not meant."""

CHECKS = (*VOCABULARY, *ADVICE)


def check(document: Document, catalogue: Catalogue) -> list[Problem]:
    """What in a document does not fit the catalogue."""
    view = view_of(document, catalogue, DeclaredEntities())
    return [Problem(found.pointer, found.message) for found in _findings(view, VOCABULARY)]


def lint(
    document: Document,
    catalogue: Catalogue,
    *,
    grants: bool = True,
    names: DeclaredEntities = DeclaredEntities(),  # noqa: B008 - it is a value
) -> list[Finding]:
    """Everything that the checks find, in the order of the document.

    A document that only caps, as a boundary does, is not looked at for what it would grant.
    """
    view = view_of(document, catalogue, names)
    table = [(each, rule) for each, rule in CHECKS if grants or not each.grants]
    return sorted(_findings(view, table), key=_place)[:MAX_FINDINGS]


def _findings(view: View, table: Sequence[tuple[Check, Rule]]) -> Iterator[Finding]:
    for each, rule in table:
        for remark in rule(view):
            yield Finding(each, remark.pointer, remark.message, remark.hint)


def _place(finding: Finding) -> int:
    """The statement's number; sorting is stable, so that the table's order stays within it."""
    parts = finding.pointer.split("/")
    number = parts[2] if len(parts) > 2 and parts[2].isdigit() else "0"  # noqa: PLR2004
    return int(number)
