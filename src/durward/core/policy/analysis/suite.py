"""Tests of policies: requests with expected decisions, and requests that must never be allowed.

A suite is written beside the policies, read strictly, and run on the engine itself.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from durward.core.policy.engine.decision import Decision, Layer
from durward.core.policy.engine.request import TENANT_SEGMENT, AccessRequest, Principal
from durward.core.policy.language.document import Document, PolicyKind, read_document
from durward.core.policy.language.pattern import ARN_SEGMENTS
from durward.core.policy.language.source import PolicyError, Problem, escape
from durward.core.wire import Json

MAX_TESTS: Final = 1_000
VERSION: Final = "2012-10-17"
OWN: Final = ("policies", "boundary")
"""The members of a test for a person's own policies."""
RESULTS: Final = {"allow", "deny"}
LAYERS: Final = {layer.value: layer for layer in Layer}


def with_usual(resource: str, context: Mapping[str, Json]) -> dict[str, Json]:
    """A context with the keys of a resource that the edge always provides, as defaults."""
    segments = resource.split(":", ARN_SEGMENTS - 1)
    if len(segments) != ARN_SEGMENTS:
        return dict(context)
    usual = {"durward:resourcetenant": segments[TENANT_SEGMENT], "durward:stage": segments[3]}
    said = {key.lower() for key in context}
    told = {key: text for key, text in usual.items() if text and key not in said}
    return {**told, **context}


@dataclass(frozen=True, slots=True)
class Expected:
    """`allow` or `deny`; `by` is the deciding statement, or the blocking layer."""

    allowed: bool
    by: str = ""


@dataclass(frozen=True, slots=True)
class PolicyTest:
    """One test."""

    name: str
    request: AccessRequest
    expected: Expected


@dataclass(frozen=True, slots=True)
class Suite:
    """The tests of a file, and a document that describes requests that are never allowed."""

    name: str
    cases: tuple[PolicyTest, ...]
    never: Document


@dataclass(frozen=True, slots=True)
class Failed:
    """A test with another decision than expected."""

    case: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.case}: expected {self.expected}, found {self.found}"


def read_suite(value: Json, name: str, principals: Mapping[str, Principal]) -> Suite:
    """Read a suite; `principals` are those that tests may name. Raises PolicyError."""
    reader = _Reader(principals)
    suite = reader.suite(value, name)
    if reader.problems:
        raise PolicyError(name, reader.problems)
    return suite


def failed_tests(suite: Suite, evaluate: Callable[[AccessRequest], Decision]) -> Iterator[Failed]:
    """The tests that fail."""
    for case in suite.cases:
        answer, expected = evaluate(case.request), case.expected
        if answer.allowed is not expected.allowed or not _is_by(answer, expected.by):
            wanted = "allow" if expected.allowed else "deny"
            yield Failed(
                case.name, f"{wanted} by `{expected.by}`" if expected.by else wanted, _told(answer)
            )


def _is_by(answer: Decision, by: str) -> bool:
    return not by or by in answer.because or LAYERS.get(by) in answer.blocked_by


def _told(answer: Decision) -> str:
    reasons = [f"`{name}`" for name in (*answer.because, *answer.blocked_by)]
    return f"{answer.result.value} by {', '.join(reasons)}" if reasons else answer.result.value


@dataclass(frozen=True, slots=True)
class _Given:
    principal: Principal | None = None
    context: Mapping[str, Json] = field(default_factory=dict)


class _Reader:
    def __init__(self, principals: Mapping[str, Principal]) -> None:
        self.principals = principals
        self.problems: list[Problem] = []

    def wrong(self, pointer: str, message: str) -> None:
        self.problems.append(Problem(pointer, message))

    def members(self, value: Json, pointer: str, known: set[str]) -> Mapping[str, Json]:
        if not isinstance(value, dict):
            self.wrong(pointer, "not an object")
            return {}
        for name in sorted(value.keys() - known):
            listed = ", ".join(f"`{each}`" for each in sorted(known))
            self.wrong(f"{pointer}/{name}", f"`{name}` is not known here; {listed} are")
        return value

    def text(self, members: Mapping[str, Json], name: str, pointer: str) -> str:
        value = members.get(name)
        if not isinstance(value, str) or not value:
            self.wrong(pointer, f"`{name}` is a text, and needed")
            return ""
        return value

    def texts(self, value: Json, pointer: str) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            self.wrong(pointer, "a list of texts")
            return ()
        return tuple(str(each) for each in value)

    def suite(self, value: Json, name: str) -> Suite:
        members = self.members(value, "", {"given", "tests", "never"})
        listed = members.get("tests", [])
        if not isinstance(listed, list) or len(listed) > MAX_TESTS:
            self.wrong("/tests", f"a list of at most {MAX_TESTS} tests")
            listed = []
        shared = self.given(members.get("given", {}), "/given", _Given())
        cases = [
            case
            for at, each in enumerate(listed)
            for case in self.cases(each, f"/tests/{at}", shared)
        ]
        return Suite(name, tuple(cases), self.never(members.get("never", []), name))

    def never(self, value: Json, name: str) -> Document:
        try:
            return read_document({"Version": VERSION, "Statement": value}, f"{name}/never")
        except PolicyError as error:
            for found in error.problems:
                self.wrong(found.pointer.replace("/Statement", "/never", 1), found.message)
            return Document(name, PolicyKind.IDENTITY, ())

    def cases(self, value: Json, pointer: str, shared: _Given) -> Iterator[PolicyTest]:
        """The case of a test, or one for each row of a list."""
        members = self.members(value, pointer, {"name", "given", "when", "expect"})
        name = self.text(members, "name", pointer)
        given = self.given(members.get("given", {}), f"{pointer}/given", shared)
        at = f"{pointer}/when"
        when = self.members(members.get("when", {}), at, {"action", "resource", "rows"})
        action = self.text(when, "action", at)
        if "rows" not in when:
            resource = self.text(when, "resource", at)
            context = with_usual(resource, given.context)
            request = AccessRequest(given.principal, action, resource, context)
            yield PolicyTest(
                name, request, self.expected(members.get("expect"), f"{pointer}/expect")
            )
            return
        rows = self.rows(when["rows"], f"{at}/rows")
        wanted = self.listed(members.get("expect"), rows, f"{pointer}/expect")
        for resource, told in rows.items():
            context = with_usual(resource, {**given.context, **told})
            request = AccessRequest(given.principal, action, resource, context)
            yield PolicyTest(f"{name}: {resource}", request, Expected(resource in wanted))

    def rows(self, value: Json, pointer: str) -> dict[str, Mapping[str, Json]]:
        """The members of a list: resources, each with its keys."""
        if not isinstance(value, dict) or not value or len(value) > MAX_TESTS:
            self.wrong(pointer, f"at most {MAX_TESTS} resources, each with its keys")
            return {}
        found: dict[str, Mapping[str, Json]] = {}
        for resource, told in value.items():
            if isinstance(told, dict):
                found[resource] = told
            else:
                self.wrong(f"{pointer}/{escape(resource)}", "not an object of keys")
        return found

    def listed(self, value: Json, rows: Mapping[str, object], pointer: str) -> frozenset[str]:
        """The rows that are expected to be listed."""
        named = value.get("rows") if isinstance(value, dict) and len(value) == 1 else None
        wanted = self.texts(named, pointer) if named is not None else ()
        if named is None:
            self.wrong(pointer, "`expect` names the `rows` that are listed")
        for name in wanted:
            if name not in rows:
                self.wrong(pointer, f"`{name}` is none of the rows")
        return frozenset(wanted)

    def given(self, value: Json, pointer: str, shared: _Given) -> _Given:
        members = self.members(value, pointer, {"principal", "scopes", "context"})
        context = members.get("context", {})
        if not isinstance(context, dict):
            self.wrong(f"{pointer}/context", "not an object of keys")
            context = {}
        principal = shared.principal
        if "principal" in members:
            principal = self.principal(members["principal"], f"{pointer}/principal")
        if "scopes" in members and principal:
            scopes = frozenset(self.texts(members["scopes"], f"{pointer}/scopes"))
            principal = replace(principal, scopes=scopes | {""})
        return _Given(principal, {**shared.context, **context})

    def principal(self, value: Json, pointer: str) -> Principal | None:
        if value is None:
            return None
        if isinstance(value, str):
            if value not in self.principals:
                self.wrong(pointer, f"`{value}` is not declared; or describe somebody here")
            return self.principals.get(value)
        known = {"subject", "kind", "tenant", "roles", "groups", "client", *OWN}
        members = self.members(value, pointer, known)
        subject, kind = self.text(members, "subject", pointer), str(members.get("kind", "user"))
        declared = self.principals.get(f"{kind}/{subject}")
        policies, boundary = (
            self.texts(members[name], f"{pointer}/{name}") if name in members else own
            for name, own in zip(OWN, _own(declared), strict=True)
        )
        return Principal(
            subject=subject,
            kind=kind,
            tenant=self.text(members, "tenant", pointer),
            roles=self.texts(members.get("roles", []), f"{pointer}/roles"),
            groups=self.texts(members.get("groups", []), f"{pointer}/groups"),
            client=str(members.get("client", "")),
            policies=policies,
            boundary=boundary,
        )

    def expected(self, value: Json, pointer: str) -> Expected:
        if isinstance(value, str) and value in RESULTS:
            return Expected(value == "allow")
        if isinstance(value, dict) and len(value) == 1:
            ((result, by),) = value.items()
            if result in RESULTS and isinstance(by, str):
                return Expected(result == "allow", by)
        shapes = "`allow`, `deny`, or one of them with the statement or layer that decides"
        self.wrong(pointer, f"`expect` is {shapes}")
        return Expected(allowed=False)


def _own(declared: Principal | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A principal's own policies and boundary, even if a test gives other roles."""
    return (declared.policies, declared.boundary) if declared else ((), ())
