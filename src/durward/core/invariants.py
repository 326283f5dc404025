"""Policy tests and invariants (`never`), run before the policies are in force."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from durward.core.access import Access, names_of_principal
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
from durward.core.people.person import Person
from durward.core.policy.analysis.suite import Suite, failed_tests, read_suite
from durward.core.policy.engine.bundle import compile_bundle
from durward.core.policy.engine.predicate import compile_statement
from durward.core.policy.engine.request import Principal
from durward.core.policy.language.source import PolicyError
from durward.core.policy.symbolic.unknown import Unknown
from durward.core.policy.symbolic.work import Work
from durward.core.principals import People
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


def check_invariants(configuration: Configuration, people: People) -> bool:
    """Whether ids make a difference; `people` are those who are asked about.

    Raises Misconfigured with every test that fails, or cannot be read or settled.
    """
    if not configuration.tests:
        return False
    access = Access(configuration, people=people)
    suites = [suite_of(access, name) for name in configuration.tests]
    broken = [str(found) for found in violations(access, suites)]
    if broken:
        more = [f"and {len(broken) - MAX_TOLD} more"] if len(broken) > MAX_TOLD else []
        told = "\n  ".join(["", *broken[:MAX_TOLD], *more])
        hint = "`durward policy test` runs them before they are applied"
        raise Misconfigured(
            "tests", f"the policies break their tests and invariants:{told}", hint=hint
        )
    never = (statement for suite in suites for statement in suite.never.statements)
    return any(access.tells_apart(compile_statement(statement)) for statement in never)


def suite_of(access: Access, name: str, body: Json = None) -> Suite:
    """A declared suite, or one that is given; it names what there is. Raises Misconfigured."""
    configuration = access.configuration
    value = dict(configuration.tests[name]) if body is None else body
    try:
        suite = read_suite(value, name, access.named)
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


def violations(access: Access, suites: Sequence[Suite]) -> Iterator[Violation]:
    """Each test that fails, and each request that must never be allowed and is."""
    if not suites:
        return
    configuration = access.configuration
    policies = compile_bundle(configuration.bundle, scopes_of(configuration.apis.values()))
    for suite in suites:
        for failed in failed_tests(suite, policies.evaluate):
            how = f"expected {failed.expected}, found {failed.found}"
            yield Violation(f"{suite.name}: {failed.case}", how)
        for statement in suite.never.statements:
            invariant = f"{suite.name}: never `{statement.name}`"
            again = False
            try:
                for known in access.breaches(compile_statement(statement)):
                    who, request = names_of_principal(known.principal)[0], known.witness.request
                    yield Violation(
                        invariant, f"{who} may {request.action} on {request.resource}", again
                    )
                    again = True
            except Unknown as error:
                yield Violation(invariant, f"it cannot be settled: {error}", again)


class PersonInvariants:
    """The declared invariants, asked about one person at a time: as soon as the person changes."""

    def __init__(self, configuration: Configuration) -> None:
        self._access = Access(configuration, people=People(anybody=True))
        suites = [
            suite_of(self._access, name, {"never": body["never"]})
            for name, body in configuration.tests.items()
            if body.get("never")
        ]
        self._never = [
            (f"{suite.name}: never `{statement.name}`", compile_statement(statement))
            for suite in suites
            for statement in suite.never.statements
        ]

    def __bool__(self) -> bool:
        return bool(self._never)

    @cached_property
    def tell_apart(self) -> bool:
        """Whether people of one class have to be asked about one by one."""
        return any(self._access.tells_apart(never) for _, never in self._never)

    def to_ask(self, people: Iterable[Person], known: Iterable[str]) -> Iterator[Person]:
        """Those of some people who have to be asked about: of a class one, unless ids matter.

        Of the `known` classes there is somebody already.
        """
        seen = set(known)
        for person in people:
            if not person.disabled and (self.tell_apart or person.class_key not in seen):
                seen.add(person.class_key)
                yield person

    def check(self, person: Principal, work: Work) -> str:
        """Return which invariant is not settled; empty if all hold. Raises Misconfigured."""
        left_open = ""
        for invariant, never in self._never:
            try:
                found = next(self._access.breaches_of(person, never, work), None)
            except Unknown:
                left_open = left_open or invariant
                continue
            if found:
                request = found.witness.request
                who = names_of_principal(person)[0]
                problem = f"{invariant}: {who} could {request.action} on {request.resource}"
                raise Misconfigured("people", problem, hint="`durward policy test` explains it")
        return left_open
