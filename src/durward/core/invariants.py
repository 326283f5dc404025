"""Policy tests and invariants (`never`), run before the policies are in force."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from durward.core.access import Access, names_of
from durward.core.api import scopes_of
from durward.core.configuration.configuration import Configuration
from durward.core.errors import Misconfigured
from durward.core.names import (
    check_action,
    check_asked_resource,
    check_context,
    check_declared,
    check_never,
    check_scopes,
    names_of_configuration,
)
from durward.core.policy.analysis.suite import Suite, read_suite, run
from durward.core.policy.engine.bundle import compile_bundle
from durward.core.policy.engine.predicate import compile_statement
from durward.core.policy.language.source import PolicyError
from durward.core.policy.symbolic.unknown import Unknown
from durward.core.wire import Json

MAX_TOLD = 20


@dataclass(frozen=True, slots=True)
class Violation:
    """A test that fails, or an invariant that some request violates.

    `again` where the same invariant was reported before, with another principal's request.
    """

    test: str
    how: str
    again: bool = False

    def __str__(self) -> str:
        return f"{self.test}: {self.how}"


def check_invariants(configuration: Configuration) -> None:
    """Raises Misconfigured with every test that fails, or cannot be read or settled."""
    suites = [suite_of(configuration, name) for name in configuration.tests]
    broken = [str(found) for found in violations(configuration, suites)]
    if broken:
        more = [f"and {len(broken) - MAX_TOLD} more"] if len(broken) > MAX_TOLD else []
        told = "\n  ".join(["", *broken[:MAX_TOLD], *more])
        hint = "`durward policy test` runs them before they are applied"
        raise Misconfigured(
            "tests", f"the policies break their tests and invariants:{told}", hint=hint
        )


def suite_of(configuration: Configuration, name: str, body: Json = None) -> Suite:
    """A declared suite, or one that is given; it names what there is. Raises Misconfigured."""
    principals = {
        each: found for found in Access(configuration).principals for each in names_of(found)
    }
    value = dict(configuration.tests[name]) if body is None else body
    try:
        suite = read_suite(value, name, principals)
        _check_suite(configuration, suite, value)
    except (PolicyError, ValueError) as error:
        raise Misconfigured(f"tests/{name}", str(error)) from error
    return suite


def _check_suite(configuration: Configuration, suite: Suite, value: Json) -> None:
    """What is misspelled is always denied, or never read: a test of it says nothing."""
    catalogue = names_of_configuration(configuration)
    for case in suite.cases:
        where = f"tests/{suite.name}: {case.name}"
        check_action(configuration, case.request.action, where, one=True)
        check_context(catalogue, case.request.context, where)
        if person := case.request.principal:
            check_scopes(configuration, person.scopes or (), where)
            check_declared(person.roles, configuration.roles, where)
            own = (*person.policies, *person.boundary)
            check_declared(own, configuration.policies, where)
            check_declared([person.tenant] if person.tenant else [], configuration.tenants, where)
        check_asked_resource(configuration, case.request.resource, where)
    if isinstance(value, dict) and value.get("never"):
        check_never(configuration, value["never"], f"tests/{suite.name}/never")


def violations(configuration: Configuration, suites: Sequence[Suite]) -> Iterator[Violation]:
    """Each test that fails, and each request that must never be allowed and is."""
    if not suites:
        return
    policies = compile_bundle(configuration.bundle, scopes_of(configuration.apis.values()))
    access = Access(configuration)
    for suite in suites:
        for failed in run(suite, policies.evaluate):
            how = f"expected {failed.expected}, found {failed.found}"
            yield Violation(f"{suite.name}: {failed.case}", how)
        for statement in suite.never.statements:
            invariant = f"{suite.name}: never `{statement.name}`"
            again = False
            try:
                for known in access.breaches(compile_statement(statement)):
                    who, request = names_of(known.principal)[0], known.witness.request
                    yield Violation(
                        invariant, f"{who} may {request.action} on {request.resource}", again
                    )
                    again = True
            except Unknown as error:
                yield Violation(invariant, f"it cannot be settled: {error}", again)
