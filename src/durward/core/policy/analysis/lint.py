"""Lint: the table of checks for valid policies that are probably mistakes.

Errors are statements without effect, or with another effect than they seem to have; `check` reports
only those that depend on the catalogue.
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
            "the operator compares another type than the key has",
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
            "write `ForAnyValue:` if one value must match, `ForAllValues:` if all must",
        ),
        vocabulary.plain_operators_on_many,
    ),
    (
        Check(
            "variable-of-values",
            Severity.ERROR,
            "a key of several values has no value as a variable: the pattern matches nothing",
            "compare the key itself by `ForAnyValue:…`, or use a key of one value",
        ),
        vocabulary.variables_of_several_values,
    ),
)
"""Checks that need the catalogue: names, types and cardinalities."""

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
            "it also allows every operation that is declared later",
            "list what is allowed by `Action`, or deny by `Action`",
            grants=True,
        ),
        breadth.not_actions,
    ),
    (
        Check(
            "allow-not-resource",
            Severity.SECURITY,
            "it also allows every resource that is added later",
            "list what is allowed by `Resource`, or deny by `Resource`",
            grants=True,
        ),
        breadth.not_resources,
    ),
    (
        Check(
            "allow-not-principal",
            Severity.SECURITY,
            "it allows everybody else, even without signing in",
            "list the allowed principals by `Principal`, or deny by `Principal`",
            grants=True,
        ),
        breadth.not_principals,
    ),
    (
        Check(
            "everybody-of-a-tenant",
            Severity.SECURITY,
            '`Principal: "*"` matches callers of every tenant',
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
            "write `security: []` to the operation, or name the principals",
            grants=True,
        ),
        breadth.everybody_with_a_token,
    ),
    (
        Check(
            "for-all-values-unguarded",
            Severity.SECURITY,
            "`ForAllValues` holds if the key has no value at all",
            "ask for the key's presence by `Null`",
        ),
        absence.unguarded_for_all,
    ),
    (
        Check(
            "allow-when-absent",
            Severity.SECURITY,
            "negated and `IfExists` operators hold if the key is absent",
            "ask for the key's presence by `Null`",
        ),
        absence.holds_when_absent,
    ),
    (
        Check(
            "deny-not-when-absent",
            Severity.SECURITY,
            "a positive operator does not hold if the key is absent, so nothing is denied",
            "use `…IfExists`, or decide the case of an absent key by `Null`",
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
            "no resource belongs to an unknown tenant: a Deny of it denies nothing",
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
            "a Deny of an unknown principal denies nobody, and with `NotPrincipal` everybody",
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
            "a pattern that matches every string tests only whether the key is present",
            "use `Null`, or list the values that are meant",
        ),
        values.any_text,
    ),
    (
        Check(
            "null-of-both",
            Severity.WARNING,
            "a key is either present or absent: the condition always holds",
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
            "a change of one of the two looks like a change of access, and is none",
            "remove it",
        ),
        reach.redundant_statements,
    ),
    (
        Check(
            "redundant-value",
            Severity.SUGGESTION,
            "removing one of the two looks like a change of access, and is none",
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
"""Checks for valid statements that are probably mistakes."""

CHECKS = (*VOCABULARY, *ADVICE)


def unknown_names(document: Document, catalogue: Catalogue) -> list[Problem]:
    """The names in a document that the catalogue does not have."""
    view = view_of(document, catalogue, DeclaredEntities())
    return [Problem(found.pointer, found.message) for found in _findings(view, VOCABULARY)]


def lint(
    document: Document,
    catalogue: Catalogue,
    *,
    grants: bool = True,
    names: DeclaredEntities = DeclaredEntities(),  # noqa: B008 - it is a value
) -> list[Finding]:
    """The findings of all checks, in the order of the document.

    A document that only caps, such as a boundary, is not checked for the access it would grant.
    """
    view = view_of(document, catalogue, names)
    table = [(each, rule) for each, rule in CHECKS if grants or not each.grants]
    return sorted(_findings(view, table), key=_place)[:MAX_FINDINGS]


def _findings(view: View, table: Sequence[tuple[Check, Rule]]) -> Iterator[Finding]:
    for each, rule in table:
        for remark in rule(view):
            yield Finding(each, remark.pointer, remark.message, remark.hint)


def _place(finding: Finding) -> int:
    """The statement's number; a stable sort keeps the order of the table within a statement."""
    parts = finding.pointer.split("/")
    number = parts[2] if len(parts) > 2 and parts[2].isdigit() else "0"  # noqa: PLR2004
    return int(number)
