"""What policies promise: the tests that are declared beside them, run before they are in force."""

from collections.abc import Iterator, Sequence

from durward.core.access import Access, names_of
from durward.core.edge.decide import scopes_of
from durward.core.errors import Misconfigured
from durward.core.estate import Estate
from durward.core.names import check_action, check_never, check_scopes
from durward.core.policy.bundle import compile_bundle
from durward.core.policy.predicate import compile_statement
from durward.core.policy.solver.undecided import Undecided
from durward.core.policy.source import PolicyError
from durward.core.policy.suite import Suite, read_suite, run
from durward.core.wire import Json

MAX_TOLD = 20


def check_promises(estate: Estate) -> None:
    """Raises Misconfigured with every test that fails, or cannot be read or settled."""
    broken = list(broken_promises(estate, [suite_of(estate, name) for name in estate.tests]))
    if broken:
        more = [f"and {len(broken) - MAX_TOLD} more"] if len(broken) > MAX_TOLD else []
        told = "\n  ".join(["", *broken[:MAX_TOLD], *more])
        hint = "`durward policy test` runs them before they are applied"
        raise Misconfigured("tests", f"the policies break what is promised:{told}", hint=hint)


def suite_of(estate: Estate, name: str, body: Json = None) -> Suite:
    """A declared suite, or one that is given; it names what there is. Raises Misconfigured."""
    principals = {each: found for found in Access(estate).principals for each in names_of(found)}
    value = dict(estate.tests[name]) if body is None else body
    try:
        suite = read_suite(value, name, principals)
        _check_suite(estate, suite, value)
    except (PolicyError, ValueError) as error:
        raise Misconfigured(f"tests/{name}", str(error)) from error
    return suite


def _check_suite(estate: Estate, suite: Suite, value: Json) -> None:
    """What is misspelled is always denied: a test of it says nothing."""
    for case in suite.cases:
        where = f"tests/{suite.name}: {case.name}"
        check_action(estate, case.request.action, where)
        if case.request.principal:
            check_scopes(estate, case.request.principal.scopes or (), where)
    if isinstance(value, dict) and value.get("never"):
        check_never(estate, value["never"], f"tests/{suite.name}/never")


def broken_promises(estate: Estate, suites: Sequence[Suite]) -> Iterator[str]:
    """Each test that fails, and each request that must never be allowed and is."""
    if not suites:
        return
    policies = compile_bundle(estate.bundle, scopes_of(estate.apis.values()))
    access = Access(estate)
    for suite in suites:
        yield from (f"{suite.name}: {found}" for found in run(suite, policies.evaluate))
        for statement in suite.never.statements:
            promise = f"{suite.name}: never `{statement.name}`"
            try:
                for known in access.breaches(compile_statement(statement)):
                    who, request = names_of(known.principal)[0], known.witness.request
                    yield f"{promise}: {who} may {request.action} on {request.resource}"
            except Undecided as error:
                yield f"{promise}: it cannot be settled: {error}"
