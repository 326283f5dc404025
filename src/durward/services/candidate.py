"""What a change of declarations would come to: compared, read as one value, proved.

All of it is done outside of transactions, from what one short read found (ADR 27).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from durward.core.configuration.api import check_issuer_host
from durward.core.configuration.configuration import Configuration, read_configuration
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.configuration.declaration_changes import Sides, details
from durward.core.configuration.profile import Profile
from durward.core.configuration.summary import ApiSummary, summaries
from durward.core.difference import Detail
from durward.core.errors import Misconfigured, ProtocolError
from durward.core.invariants import check_invariants
from durward.core.names import check_names
from durward.core.openapi.router import Route, by_hosts, path_regex
from durward.core.sizes import DECLARATION_BYTES, Size, check_sizes
from durward.core.values import ClientId, Instant
from durward.services.declared_people import (
    FoundPeople,
    body_of,
    check_clients,
    check_entitlements,
    check_people,
    check_people_invariants,
    classes_after,
    find_people,
    people_of,
    people_steps,
    step_of,
    title_of,
)
from durward.services.envoy_check import EnvoyCheck
from durward.services.people import PersonStep
from durward.services.publish import Published, configuration_of, parts_of
from durward.store.clients import clients_with_secrets
from durward.store.declarations import Stored, load_declarations
from durward.store.deployment import load_tokens_since
from durward.store.history import load_declarations_at, load_versions
from durward.store.people import PeopleFingerprint
from durward.store.snapshots import newest_version
from durward.store.subjects import SubjectKind, given_to_others

ORDER: Final = {kind: place for place, kind in enumerate(DeclarationKind)}
COMPARES_IDS: Final = {DeclarationKind.POLICY, DeclarationKind.TESTS, DeclarationKind.API}
AT_ONCE: Final = 1_000
"""People who change together with the configuration, in one transaction."""
MAX_LINES: Final = 5_000
"""Of what changes in declarations, in one answer."""


@dataclass(frozen=True, slots=True)
class DeclarationChange:
    """One step: `add`, `change` or `remove`."""

    step: str
    kind: DeclarationKind
    name: str


@dataclass(frozen=True, slots=True)
class Inside:
    """What changes in one declaration, what may allow more first; more lines may be left out."""

    kind: DeclarationKind
    name: str
    lines: tuple[Detail, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class ChangeReport:
    """What people are told of a change beside its steps."""

    apis: tuple[ApiSummary, ...] = ()
    """Those that are added or changed."""
    details: tuple[Inside, ...] = ()
    """In the order of the steps, without those of which there is nothing to be told."""


@dataclass(frozen=True, slots=True)
class DesiredState:
    """What should be: these declarations beside or in place of the others, or those of a version.

    With `version` the declarations are left out, and what was not declared under it is removed.
    """

    declarations: Sequence[Declaration] = ()
    prune: bool = False
    version: int | None = None

    @property
    def people(self) -> Sequence[Declaration]:
        """The people who are declared: rows, of which no version tells."""
        return [one for one in self.declarations if one.kind is DeclarationKind.USER]

    @property
    def configured(self) -> Sequence[Declaration]:
        """What is declared beside."""
        return [one for one in self.declarations if one.kind is not DeclarationKind.USER]

    @property
    def prunes_people(self) -> bool:
        """Whether people are removed who are not declared; a version tells of none."""
        return self.prune and self.version is None

    @property
    def cause(self) -> str:
        """What the history says of it."""
        return "apply" if self.version is None else f"apply of version {self.version}"


@dataclass(frozen=True, slots=True)
class Found:
    """What is declared under a version, and which clients have secrets."""

    version: int
    stored: Sequence[Stored]
    with_secrets: frozenset[ClientId]
    tokens_since: int
    """Of before which edges take no token."""
    former: Sequence[Stored] | None = None
    """What was declared under the version that is asked for."""
    people: FoundPeople = FoundPeople()
    taken: frozenset[str] = frozenset()
    """Names of declared clients that are ids of people."""


@dataclass(frozen=True)
class Candidate:
    """What would be put in force in place of a version."""

    version: int
    """The version that it was compared with: it replaces no other."""
    steps: tuple[tuple[DeclarationChange, Stored], ...]
    """Each change of what is published, and what is put or removed."""
    people: tuple[PersonStep, ...]
    """Each change of people: of these nothing is published."""
    before: Configuration
    after: Configuration
    secrets: tuple[ClientId, ...]
    """The clients that would get a secret."""
    cause: str
    """What the history will say of it."""
    classes: AbstractSet[str] | None
    """The classes of people that were looked at; None where none was."""
    fingerprint: PeopleFingerprint | None
    """Of the people who were looked at one by one; None where only classes were."""
    parts: Mapping[str, bytes]
    """What is published of what is declared then; empty where nothing changes."""
    report: ChangeReport

    @property
    def changes(self) -> tuple[DeclarationChange, ...]:
        """What would change."""
        people = (
            DeclarationChange(step_of(one), DeclarationKind.USER, title_of(one))
            for one in self.people
        )
        found = [*(change for change, _ in self.steps), *people]
        return tuple(sorted(found, key=_in_order))


@dataclass(frozen=True, slots=True)
class ClassesNeeded:
    """What people refer to may be gone: it takes the classes of people to tell."""


def load_found(connection: Connection, wanted: DesiredState, *, classes: bool = False) -> Found:
    """What a candidate is compared with. Raises Misconfigured for a version that is not kept.

    `classes` of people are read where there are tests, and where they are asked for.
    """
    # The version first, for the reason that `load_published` has.
    version = newest_version(connection)
    former = None if wanted.version is None else _former(connection, wanted.version)
    stored = load_declarations(connection)
    with_secrets, since = clients_with_secrets(connection), load_tokens_since(connection)
    changes = former is not None or wanted.prune or bool(wanted.configured)
    asked = [Stored.of(one) for one in wanted.configured] if changes else []
    beside = [*stored, *(former or ()), *asked]
    # Without tests nothing is asked about them.
    bodies = [one.body for one in beside if one.kind in COMPARES_IDS]
    is_tested = changes and any(one.kind is DeclarationKind.TESTS for one in beside)
    bodies = bodies if is_tested else []
    people = find_people(
        connection, wanted.people, bodies, prune=wanted.prunes_people, classes=classes
    )
    clients = [one.name for one in wanted.configured if one.kind is DeclarationKind.CLIENT]
    taken = frozenset(given_to_others(connection, clients, SubjectKind.CLIENT))
    return Found(version, stored, with_secrets, since, former, people, taken)


def _former(connection: Connection, version: int) -> Sequence[Stored]:
    kept = [one.version for one in load_versions(connection)]
    if version not in kept:
        there = f"{kept[0]} to {kept[-1]}" if kept else "none"
        hint = f"`durward history` shows those that there are: {there}"
        raise Misconfigured("version", f"{version} is not kept", hint=hint)
    # Before people were rows they were declared: those of then are left where they are.
    listed = load_declarations_at(connection, version)
    return [one for one in listed if one.kind is not DeclarationKind.USER]


def check(
    found: Found,
    wanted: DesiredState,
    known: Published,
    envoy: EnvoyCheck,
    issuer: str,
    floor: Profile,
    now: Instant,
) -> Candidate | ClassesNeeded:
    """The candidate: it fits together, names what there is, keeps its invariants, suits an edge.

    `known` spares reading what is declared where it is of the same version. It takes seconds where
    much is declared. Raises Misconfigured, and Unavailable where Envoy cannot be asked.
    """
    former = found.former
    asked = [_stored(one) for one in wanted.configured] if former is None else former
    prune = wanted.prune or former is not None
    steps, after = _difference(found.stored, asked, prune=prune)
    people = people_steps(found.people, wanted.people, prune=wanted.prunes_people)
    parts: dict[str, bytes] = {}
    report = ChangeReport()
    same = found.version == known.version
    before = known.configuration if same else configuration_of(found.stored)
    configuration = before
    if steps and len(people) > AT_ONCE and not found.people.is_empty:
        problem = f"{len(people)} people change together with the configuration"
        hint = f"more than {AT_ONCE} people: apply the people by themselves, before or after"
        raise Misconfigured("declarations", problem, hint=hint)
    ids_matter = False
    if steps:
        kinds = Counter(one.kind for one in after)
        # Before they are read: too many would take as much longer.
        check_sizes(
            {Size.APIS: kinds[DeclarationKind.API], Size.POLICIES: kinds[DeclarationKind.POLICY]}
        )
        read = [one.read() for one in after]
        configuration = read_configuration(read)
        parts = parts_of(configuration, found.tokens_since)
        check_sizes(_published(configuration, parts))
        check_issuer_host(configuration.apis.values(), issuer)
        check_names(configuration)
        check_waivers(configuration, before, floor, now)
        check_clients(found.taken & configuration.clients.keys())
        if found.people.classes is None and _leaves_out(before, configuration):
            return ClassesNeeded()
        classes = classes_after(found.people.classes or (), people)
        check_entitlements(configuration, classes)
        asked_of = people_of(found.people, people, classes)
        ids_matter = check_invariants(configuration, asked_of)
        # Only what changes: an API that an edge came to refuse must not hold back a Deny.
        changed = [api for name, api in configuration.apis.items() if before.apis.get(name) != api]
        envoy.check(changed, issuer)
        report = _told(steps, found.stored, read, people, Sides(before, configuration, now))
    elif people:
        report = _told((), (), (), people, Sides(before, configuration, now))
    check_people(configuration, people)
    if people and not steps:
        check_people_invariants(configuration, people)
    secrets = [
        ClientId(name)
        for name, client in configuration.clients.items()
        # What lies there by the name of a client that was not there before is not its own.
        if client.has_secret and (name not in before.clients or name not in found.with_secrets)
    ]
    classes_read = found.people.classes
    keys = None if classes_read is None else {one.entitlements.key for one in classes_read}
    return Candidate(
        version=found.version,
        steps=steps,
        people=tuple(people),
        before=before,
        after=configuration,
        secrets=tuple(secrets),
        cause=wanted.cause,
        classes=keys,
        fingerprint=found.people.fingerprint if ids_matter else None,
        parts=parts,
        report=report,
    )


def check_waivers(
    configuration: Configuration, before: Configuration, floor: Profile, now: Instant
) -> None:
    """Refuse waivers that cannot be declared at this server, or today. Raises Misconfigured.

    Of the time only those are asked that change: the others come nearer by themselves.
    """
    for name, waiver in configuration.waivers.items():
        problems = [*waiver.problems_of_profile(floor)]
        problems += () if before.waivers.get(name) == waiver else waiver.problems_of_time(now)
        for problem in problems:
            raise Misconfigured(f"waivers/{name}", problem)


def _leaves_out(before: Configuration, after: Configuration) -> bool:
    """Whether something is not there any more, or not of its kind, that people may refer to."""
    return bool(
        before.tenants.keys() - after.tenants.keys()
        or before.roles.keys() - after.roles.keys()
        or before.kinds.items() - after.kinds.items()
        or before.policies.keys() - after.policies.keys()
    )


def _told(
    steps: Sequence[tuple[DeclarationChange, Stored]],
    before: Sequence[Stored],
    after: Sequence[Declaration],
    people: Sequence[PersonStep],
    sides: Sides,
) -> ChangeReport:
    asked = {(change.kind, change.name) for change, _ in steps}
    was = {(one.kind, one.name): one for one in before if (one.kind, one.name) in asked}
    will_be = {(one.kind, one.name): one.body for one in after}
    found: list[tuple[tuple[DeclarationKind, str], list[Detail]]] = []
    for change, _ in steps:
        key = (change.kind, change.name)
        body = was[key].read().body if key in was else None
        found.append((key, details(*key, body, will_be.get(key), sides)))
    for one in people[:MAX_LINES]:
        before_body, after_body = body_of(one.before), body_of(one.after)
        lines = details(DeclarationKind.USER, title_of(one), before_body, after_body, sides)
        found.append(((DeclarationKind.USER, title_of(one)), lines))
    apis = [c.name for c, _ in steps if c.kind is DeclarationKind.API and c.step != "remove"]
    return ChangeReport(tuple(summaries(sides.after, apis)), tuple(_bounded(found)))


def _bounded(found: Sequence[tuple[tuple[DeclarationKind, str], list[Detail]]]) -> Iterator[Inside]:
    """As many lines as are told in all: first of all what may allow more, wherever it stands."""
    wider = [sum(line.widens for line in lines) for _, lines in found]
    left, rest = MAX_LINES, max(MAX_LINES - sum(wider), 0)
    for (key, lines), first in zip(found, wider, strict=True):
        shown = min(first, left)
        left -= shown
        others = min(len(lines) - first, rest)
        rest -= others
        shown += others
        if lines:
            yield Inside(*key, tuple(lines[:shown]), len(lines) - shown)


def _published(configuration: Configuration, parts: Mapping[str, bytes]) -> dict[Size, int]:
    """How much an edge would have to take."""
    apis = configuration.apis.values()
    routes = [Route(one.method, one.path, one, api.hosts) for api in apis for one in api.operations]
    # Envoy has those of an API once for each set of hosts that share their APIs.
    rendered = [route for some in by_hosts(routes).values() for route in some]
    return {
        Size.OPERATIONS: len(routes),
        Size.ROUTES: len(rendered),
        Size.BYTES: sum(map(len, parts.values())),
        Size.PATTERNS: sum(len(path_regex(route.template)) for route in rendered),
    }


def _stored(wanted: Declaration) -> Stored:
    """As it would lie in the store. Raises Misconfigured for what could not be read there."""
    stored = Stored.of(wanted)
    if len(stored.body) > DECLARATION_BYTES:
        problem = f"{len(stored.body)} bytes, and a declaration has {DECLARATION_BYTES} at most"
        raise Misconfigured(stored.target, problem)
    try:
        stored.read()
    except ProtocolError as error:
        raise Misconfigured(stored.target, error.public) from error
    return stored


def _difference(
    before: Sequence[Stored], wanted: Sequence[Stored], *, prune: bool
) -> tuple[tuple[tuple[DeclarationChange, Stored], ...], list[Stored]]:
    known = {(one.kind, one.name): one for one in before}
    asked = {(one.kind, one.name): one for one in wanted}
    steps = [
        (DeclarationChange("change" if key in known else "add", *key), one)
        for key, one in asked.items()
        if known.get(key) != one
    ]
    after = {**known, **asked}
    for key in known.keys() - asked.keys() if prune else ():
        steps.append((DeclarationChange("remove", *key), known[key]))
        del after[key]
    steps.sort(key=lambda step: _in_order(step[0]))
    return tuple(steps), list(after.values())


def _in_order(change: DeclarationChange) -> tuple[str, int, str]:
    return change.step, ORDER[change.kind], change.name
