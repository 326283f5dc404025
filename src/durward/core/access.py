"""Who can do what by the declarations: the questions of `find`, asked of a configuration.

Everybody who is declared is asked about as what they are, in every situation in which they can ask
(`situations`), operation by operation: each against the statements that mean its action.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from durward.core.configuration.configuration import Configuration
from durward.core.policy.analysis.asking import Asking
from durward.core.policy.analysis.find import Frame, Witness, asked_for, find_framed
from durward.core.policy.analysis.redundancy import Gone, Redundant, redundant_among, without
from durward.core.policy.engine.predicate import (
    ACTION,
    FALSE,
    TRUE,
    Predicate,
    PrincipalMatch,
    atoms_of,
    compile_statement,
    keys_of,
)
from durward.core.policy.engine.request import CLIENT_ID, NOBODY, TOKEN_SCOPES, Principal
from durward.core.policy.engine.residual import residual
from durward.core.policy.language.document import Document, Kind
from durward.core.principals import USER, declared_principals
from durward.core.situations import Place, Situation, Situations

NAMES_OF_ONE = frozenset({"durward:subject", "durward:principalarn"})
"""Keys that tell one from another who has the same roles and groups."""
NAMED_ALONE = (":user/", ":client/")
ANONYMOUSLY = "anonymous"
"""How they are named who ask without a token."""


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody, and a request that shows what they can do."""

    principal: Principal
    witness: Witness


class Access:
    """A configuration, ready to be asked."""

    def __init__(
        self, configuration: Configuration, read: Mapping[tuple[str, Kind], Document] | None = None
    ) -> None:
        """`read` are policies that are taken as they are, in place of what is declared."""
        self.configuration = configuration
        self._read = dict(read or {})
        self.principals = list(declared_principals(configuration))
        self.actions = {
            o.action.lower(): o.action for a in configuration.apis.values() for o in a.operations
        }
        self.situations = Situations(configuration, self._read)
        self.reads = self._everything_read()

    def who_can(self, action: str, resource: str) -> Iterator[Known]:
        """Everybody who can do it under some circumstances.

        Raises ValueError, and Unknown after everybody of whom it could be settled.
        """
        wanted, asking = asked_for(action, resource), Asking()
        actions = self._meant_by(wanted)
        for principal in (*self.principals, NOBODY):
            if witness := asking(self._witness, principal, wanted, actions):
                yield Known(principal, witness)
        asking.end()

    def what_can(self, name: str) -> Iterator[tuple[str, Witness]]:
        """Each operation that somebody can do, with a request. Raises Unknown at the end."""
        everybody, asking = (*self.principals, NOBODY), Asking()
        for principal in (found for found in everybody if name in names_of(found)):
            for folded, action in self.actions.items():
                if witness := asking(self._witness, principal, TRUE, [folded]):
                    yield action, witness
        asking.end()

    def breaches(self, never: Predicate) -> Iterator[Known]:
        """Who is allowed what must never be; of all who are alike, one.

        Raises Unknown at the end.
        """
        asking, actions = Asking(), self._meant_by(never)
        for principal in self._different(never):
            if witness := asking(self._witness, principal, never, actions):
                yield Known(principal, witness)
        asking.end()

    def redundant(self) -> Iterator[Redundant]:
        """Statements without which nothing changes for anybody, all of them together."""
        idle = self.idle
        deciding = [found for found in self._documents() if found.name not in idle]

        left = {frozenset[str](): self}

        def matters(gone: Gone, more: str) -> bool:
            """Whether one statement more matters, beside those of which none does."""
            now = left.get(gone) or self.without(gone)
            left.clear()
            left[gone] = now
            return any(changes(now, now.without(frozenset({more}))))

        return redundant_among(deciding, matters)

    @property
    def idle(self) -> frozenset[str]:
        """The policies that decide about nobody who is declared: nobody has the role, say."""
        bundle = self.configuration.bundle
        clients = (name for name in self.configuration.clients)
        places = {
            *chain.from_iterable(principal.attachments for principal in self.principals),
            *(f"client/{name}" for name in clients),
        }
        asked = chain(bundle.identity.items(), bundle.boundaries.items())
        deciding = {
            *chain.from_iterable(names for place, names in asked if place in places),
            *chain.from_iterable(bundle.resources.values()),
            *bundle.guardrails,
        }
        return frozenset(self.configuration.policies) - deciding

    def _documents(self) -> list[Document]:
        """Every policy that is attached to something."""
        return list({found.name: found for found in self._read.values()}.values())

    def without(self, gone: Gone) -> "Access":
        """The same configuration, less some statements."""
        read = {key: without(found, gone) for key, found in self._read.items()}
        return Access(self.configuration, read)

    def frame(self, situation: Situation, action: str, keys: frozenset[str]) -> Frame:
        """What is known of requests for an action in a situation."""
        return Frame(
            situation.principal,
            situation.stack.cross_tenant,
            situation.known(action, keys),
            situation.resource,
            self.situations.lists,
        )

    def _meant_by(self, wanted: Predicate) -> list[str]:
        """The actions that may be wanted, in lower case."""
        return [each for each in self.actions if residual(wanted, {ACTION: each}) != FALSE]

    def _witness(
        self, principal: Principal, wanted: Predicate, actions: Sequence[str]
    ) -> Witness | None:
        keys, asking = self.reads | keys_of(wanted), Asking()
        for situation in self.situations.of(principal, by_client=CLIENT_ID in keys):
            for action in actions:
                allowed = situation.stack.about(action)
                if action in situation.operations and allowed.can_grant:
                    frame = self.frame(situation, action, keys)
                    made = requests_of(situation, action)
                    if witness := asking(find_framed, frame, allowed, made, under=wanted):
                        return spelled(witness, self.actions)
        asking.end()
        return None

    def _different(self, never: Predicate) -> Iterator[Principal]:
        """One of those who have the same roles and groups in the same tenant.

        Nobody is like another where a policy or the question asks who somebody is.
        """
        bundle, seen = self.configuration.bundle, set[object]()
        keys = self.reads | keys_read(never)
        by_name = bool(NAMES_OF_ONE & keys)
        for principal in self.principals:
            own = principal.attachments[0]
            is_apart = by_name or own in bundle.identity or own in bundle.boundaries
            like = (principal.kind, principal.tenant, principal.roles, principal.groups)
            is_told = principal.kind != USER and CLIENT_ID in keys
            if is_apart or is_told or like not in seen:
                seen.add(like)
                yield principal
        yield NOBODY

    def _everything_read(self) -> frozenset[str]:
        """Every key that some policy reads."""
        bundle = self.configuration.bundle
        attached = [
            *((name, Kind.IDENTITY) for names in bundle.identity.values() for name in names),
            *((name, Kind.IDENTITY) for names in bundle.boundaries.values() for name in names),
            *((name, Kind.RESOURCE) for names in bundle.resources.values() for name in names),
            *((name, Kind.IDENTITY) for name in bundle.guardrails),
        ]
        return frozenset().union(
            *(
                keys_read(compile_statement(statement))
                for name, kind in dict.fromkeys(attached)
                for statement in self.situations.document(name, kind).statements
            )
        )


def keys_read(predicate: Predicate) -> frozenset[str]:
    """The keys that a predicate reads; a principal that it names alone is asked for by its name."""
    arns = (
        arn for atom in atoms_of(predicate) if isinstance(atom, PrincipalMatch) for arn in atom.arns
    )
    named = any(part in arn for arn in arns for part in NAMED_ALONE)
    return keys_of(predicate) | (NAMES_OF_ONE if named else frozenset())


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody may do that they could not before, and what no longer; a request for each."""

    principal: Principal
    gained: Witness | None
    lost: Witness | None


def changes(old: Access, new: Access) -> Iterator[Change]:
    """Everybody for whom something is otherwise. Raises Unknown at the end.

    Who is declared in one configuration alone can do nothing in the other.
    """
    before = {found.attachments[0]: found for found in (*old.principals, NOBODY)}
    after = {found.attachments[0]: found for found in (*new.principals, NOBODY)}
    asking = Asking()
    for name in before | after:
        homes = frozenset(each[name].tenant for each in (before, after) if name in each)
        was = _places(old, before.get(name), homes)
        will_be = _places(new, after.get(name), homes)
        gained = asking(_more, new, will_be, old, was)
        lost = asking(_more, old, was, new, will_be)
        if gained or lost:
            yield Change(after.get(name) or before[name], gained, lost)
    asking.end()


def _places(
    access: Access, principal: Principal | None, homes: frozenset[str]
) -> dict[Place, Situation]:
    if principal is None:
        return {}
    found = access.situations.of(principal, by_client=True, homes=homes)
    return {situation.place: situation for situation in found}


def _more(
    there: Access,
    places: Mapping[Place, Situation],
    here: Access,
    others: Mapping[Place, Situation],
) -> Witness | None:
    """A request that is allowed there and not here, or cannot be made here."""
    keys, asking = there.reads | here.reads, Asking()
    for place, situation in places.items():
        for action in situation.operations:
            witness = asking(_more_of, there, situation, here, others.get(place), action, keys)
            if witness:
                return spelled(witness, {**here.actions, **there.actions})
    asking.end()
    return None


def _more_of(
    there: Access,
    situation: Situation,
    here: Access,
    other: Situation | None,
    action: str,
    keys: frozenset[str],
) -> Witness | None:
    allowed = situation.stack.about(action)
    if not allowed.can_grant:
        return None
    frame, made = there.frame(situation, action, keys), requests_of(situation, action)
    if other is None or action not in other.operations:
        return find_framed(frame, allowed, made)
    denied = other.stack.about(action)
    is_same_api = (situation.api.stage, situation.operations[action]) == (
        other.api.stage,
        other.operations[action],
    )
    are_alike = is_same_api and situation.principal == other.principal
    if are_alike and allowed.says_the_same(denied):
        return None
    other_frame = here.frame(other, action, keys)
    asking = Asking()
    found = asking(find_framed, frame, allowed, made, denied, other_frame)
    if found is None and not is_same_api:
        made, others = (requests_of(each, action, by_scopes=True) for each in (situation, other))
        found = asking(find_framed, frame, allowed, made, other=other_frame, but_not=others)
    if found is None:
        asking.end()
    return found


def requests_of(
    situation: Situation, action: str, *, by_scopes: bool = False
) -> Callable[[frozenset[str]], Predicate]:
    """The requests for an action that somebody can make, by the keys that tell them apart.

    `by_scopes`: they are told apart by what their token may do too.
    """
    more = {TOKEN_SCOPES} if by_scopes else frozenset[str]()
    return lambda keys: situation.requests(action, keys | more)


def spelled(witness: Witness, actions: Mapping[str, str]) -> Witness:
    """The same request with its action as the API spells it."""
    request = witness.request
    action = actions.get(request.folded_action, request.action)
    return Witness(replace(request, action=action))


def names_of(principal: Principal) -> tuple[str, ...]:
    """How somebody is named in questions and tests: `user/ann`, or `ann`."""
    if principal is NOBODY:
        return (ANONYMOUSLY,)
    return principal.attachments[0], principal.subject
