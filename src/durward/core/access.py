"""Who can do what by the declarations: the questions of `find`, asked of a configuration.

Everybody who is declared is asked about as what they are, in every situation in which they can ask
(`situations`), operation by operation: each against the statements that mean its action.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, replace
from itertools import chain
from typing import TypeVar

from durward.core.configuration.configuration import Configuration
from durward.core.openapi.template import filled_with
from durward.core.policy.analysis.asking import Asking
from durward.core.policy.analysis.find import Frame, Witness, asked_for, find_framed
from durward.core.policy.analysis.policy_stack import Narrowed
from durward.core.policy.analysis.redundancy import (
    Gone,
    Redundant,
    redundant_among,
    statement_name,
    without,
)
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
from durward.core.policy.language.document import Document, PolicyKind
from durward.core.policy.symbolic.unknown import Exhausted, Unknown
from durward.core.policy.symbolic.work import Work
from durward.core.principals import USER, People, principals_of
from durward.core.situations import AccessContext, Situation, Situations

T = TypeVar("T")
NAMES_OF_ONE = frozenset({"durward:subject", "durward:principalarn"})
"""Keys that tell one from another who has the same roles and groups."""
NAMED_ALONE = (":user/", ":client/")
ANONYMOUSLY = "anonymous"
"""How they are named who ask without a token."""


@dataclass(frozen=True, slots=True)
class PrincipalWitness:
    """Somebody, and a request that shows what they can do."""

    principal: Principal
    witness: Witness


class Access:
    """A configuration, ready to be asked."""

    def __init__(
        self,
        configuration: Configuration,
        read: Mapping[tuple[str, PolicyKind], Document] | None = None,
        people: People | None = None,
    ) -> None:
        """`read` are policies that are taken as they are, in place of what is declared.

        `people` are those who are asked about; without them those of the declarations.
        """
        self.configuration = configuration
        self.people = People.of_files(configuration) if people is None else people
        self.read = dict(read or {})
        self.principals = list(principals_of(configuration, self.people))
        self.actions = {
            o.action.lower(): o.action for a in configuration.apis.values() for o in a.operations
        }
        self.situations = Situations(configuration, self.read)
        self.reads = self._everything_read()

    @property
    def named(self) -> dict[str, Principal]:
        """Everybody who can be named, by each of their names."""
        found = {each: one for one in self.principals for each in names_of_principal(one)}
        for name, person in self.people.named.items():
            found |= {name: person, f"{USER}/{name}": person}
        return found

    def who_can(self, action: str, resource: str) -> Iterator[PrincipalWitness]:
        """Everybody who can do it under some circumstances.

        Raises ValueError, and Unknown after everybody of whom it could be settled.
        """
        wanted = asked_for(action, resource)
        found = self._known((*self.principals, NOBODY), wanted)
        return _with_advice(found, "ask about one action, and with --resource about one tenant")

    def what_can(self, name: str) -> Iterator[tuple[str, Witness]]:
        """Each operation that somebody can do, with a request. Raises Unknown at the end."""
        return _with_advice(self._what_can(name), "ask `who-can` about one action")

    def breaches(self, never: Predicate) -> Iterator[PrincipalWitness]:
        """Who is allowed what must never be; of all who are alike, one.

        Raises Unknown at the end.
        """
        found = self._known(self._different(never), never)
        return _with_advice(found, "describe fewer actions, or one resource, in each statement")

    def breaches_of(
        self, principal: Principal, never: Predicate, work: Work
    ) -> Iterator[PrincipalWitness]:
        """Whether one principal is allowed what must never be. Raises Unknown at the end."""
        return self._known([principal], never, work)

    def tells_apart(self, never: Predicate) -> bool:
        """Whether a policy or the question tells principals of one class apart by their ids."""
        return bool(NAMES_OF_ONE & (self.reads | keys_read(never)))

    def redundant(self) -> Iterator[Redundant]:
        """Statements without which nothing changes for anybody, all of them together."""
        idle, work = self.idle, Work()
        deciding = [found for found in self._documents() if found.name not in idle]
        different = [found.attachments[0] for found in self._different(TRUE)]
        left = {frozenset[str](): self}

        def matters(gone: Gone, more: str) -> bool:
            """Whether one statement more matters, beside those of which none does."""
            now = left.get(gone) or self.without(gone)
            left.clear()
            left[gone] = now
            less, actions = now.without(frozenset({more})), now.meant_by_statement(more)
            return any(_changes(now, less, different, actions, work))

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
            *self._own,
            *chain.from_iterable(names for place, names in asked if place in places),
            *chain.from_iterable(bundle.resources.values()),
            *bundle.guardrails,
            *chain.from_iterable(bundle.tenant_guardrails.values()),
        }
        return frozenset(self.configuration.policies) - deciding

    @property
    def _own(self) -> dict[str, None]:
        """The policies that somebody has, or may have, of their own or in their boundary."""
        if self.people.anybody:
            kinds = self.configuration.kinds.items()
            return {name: None for name, kind in kinds if kind is PolicyKind.IDENTITY}
        names = ((*each.policies, *each.boundary) for each in self.principals)
        return dict.fromkeys(chain.from_iterable(names))

    def _documents(self) -> list[Document]:
        """Every policy that is attached to something."""
        return list({found.name: found for found in self.read.values()}.values())

    def without(self, gone: Gone) -> "Access":
        """The same configuration, less some statements."""
        less = copy(self)
        less.read = {key: without(found, gone) for key, found in self.read.items()}
        less.situations = Situations(self.configuration, less.read)
        return less

    def meant_by_statement(self, name: str) -> list[str]:
        """The actions that a statement means, in lower case, by its document's name and its own."""
        return [
            action
            for document in self._documents()
            for statement in document.statements
            if statement_name(document, statement.name) == name
            for action in self._meant_by(compile_statement(statement))
        ]

    def frame(self, situation: Situation, action: str) -> Frame:
        """What is known of requests for an action in a situation."""
        return Frame(
            situation.principal,
            situation.stack.cross_tenant,
            situation.known(action, self.reads),
            situation.resource,
            self.situations.lists,
        )

    def _meant_by(self, wanted: Predicate) -> list[str]:
        """The actions that may be wanted, in lower case."""
        return [each for each in self.actions if residual(wanted, {ACTION: each}) != FALSE]

    def _known(
        self, principals: Iterable[Principal], wanted: Predicate, work: Work | None = None
    ) -> Iterator[PrincipalWitness]:
        """Each of them who can do what is wanted."""
        asking, actions = Asking(), self._meant_by(wanted)
        work = Work() if work is None else work
        for principal in principals:
            situations = self._situations(principal, wanted)
            if witness := asking(self._witness, situations, wanted, actions, work):
                yield PrincipalWitness(principal, witness)
        asking.end()

    def _what_can(self, name: str) -> Iterator[tuple[str, Witness]]:
        everybody, asking, work = (*self.principals, NOBODY), Asking(), Work()
        for principal in (found for found in everybody if name in names_of_principal(found)):
            situations = list(self._situations(principal, TRUE))
            for folded, action in self.actions.items():
                if witness := asking(self._witness, situations, TRUE, [folded], work):
                    yield action, witness
        asking.end()

    def _situations(self, principal: Principal, wanted: Predicate) -> Iterator[Situation]:
        by_client = CLIENT_ID in self.reads | keys_of(wanted)
        return self.situations.of(principal, by_client=by_client)

    def _witness(
        self,
        situations: Iterable[Situation],
        wanted: Predicate,
        actions: Sequence[str],
        work: Work,
    ) -> Witness | None:
        """A request in one of the situations. Raises Unknown, with what to ask instead."""
        asking = Asking()
        for situation in situations:
            for action in actions:
                allowed = situation.stack.about(action)
                if action in situation.operations and allowed.can_grant:
                    found = asking(self._request, situation, action, allowed, wanted, work)
                    if found:
                        return with_api_spelling(found, self.actions)
        asking.end()
        return None

    def _request(
        self,
        situation: Situation,
        action: str,
        allowed: Narrowed,
        wanted: Predicate,
        work: Work,
    ) -> Witness | None:
        frame, made = self.frame(situation, action), requests_of(situation, action)
        with _told_about(situation, self.actions[action]):
            return find_framed(frame, allowed, made, under=wanted, work=work)

    def _different(self, never: Predicate) -> Iterator[Principal]:
        """One of those who have the same roles, groups and policies in the same tenant.

        Nobody is like another where a policy or the question asks who somebody is.
        """
        bundle, seen = self.configuration.bundle, set[object]()
        keys = self.reads | keys_read(never)
        by_name = bool(NAMES_OF_ONE & keys)
        for principal in self.principals:
            own = principal.attachments[0]
            is_apart = by_name or own in bundle.identity or own in bundle.boundaries
            like = (
                *(principal.kind, principal.tenant, principal.roles, principal.groups),
                *(principal.policies, principal.boundary),
            )
            is_told = principal.kind != USER and CLIENT_ID in keys
            if is_apart or is_told or like not in seen:
                seen.add(like)
                yield principal
        yield NOBODY
        if by_name and self.people.left_open:
            raise Unknown(self.people.left_open)

    def _everything_read(self) -> frozenset[str]:
        """Every key that some policy reads."""
        bundle = self.configuration.bundle
        attached = [
            *((name, PolicyKind.IDENTITY) for name in self._own),
            *((name, PolicyKind.IDENTITY) for names in bundle.identity.values() for name in names),
            *(
                (name, PolicyKind.IDENTITY)
                for names in bundle.boundaries.values()
                for name in names
            ),
            *((name, PolicyKind.RESOURCE) for names in bundle.resources.values() for name in names),
            *((name, PolicyKind.IDENTITY) for name in bundle.guardrails),
            *(
                (n, PolicyKind.IDENTITY)
                for names in bundle.tenant_guardrails.values()
                for n in names
            ),
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
class AccessChange:
    """What somebody may do that they could not before, and what no longer; a request for each."""

    principal: Principal
    gained: Witness | None
    lost: Witness | None


def access_changes(old: Access, new: Access) -> Iterator[AccessChange]:
    """Everybody for whom something is otherwise. Raises Unknown at the end.

    Who is declared in one configuration alone can do nothing in the other.
    """
    names = (each.attachments[0] for each in (*old.principals, *new.principals, NOBODY))
    actions = list({**old.actions, **new.actions})
    found = _changes(old, new, list(dict.fromkeys(names)), actions, Work())
    return _with_advice(found, "compare fewer changes at once")


def _changes(
    old: Access, new: Access, names: Sequence[str], actions: Sequence[str], work: Work
) -> Iterator[AccessChange]:
    before = {found.attachments[0]: found for found in (*old.principals, NOBODY)}
    after = {found.attachments[0]: found for found in (*new.principals, NOBODY)}
    asking = Asking()
    for name in names:
        homes = frozenset(each[name].tenant for each in (before, after) if name in each)
        was = _Side(old, _places(old, before.get(name), homes), actions, work)
        will_be = _Side(new, _places(new, after.get(name), homes), actions, work)
        gained, lost = asking(_more, will_be, was), asking(_more, was, will_be)
        if gained or lost:
            yield AccessChange(after.get(name) or before[name], gained, lost)
    asking.end()


@dataclass(frozen=True)
class _Side:
    """What somebody may be asked about on one side of a comparison."""

    access: Access
    places: Mapping[AccessContext, Situation]
    actions: Sequence[str]
    work: Work


def _places(
    access: Access, principal: Principal | None, homes: frozenset[str]
) -> dict[AccessContext, Situation]:
    if principal is None:
        return {}
    found = access.situations.of(principal, by_client=True, homes=homes)
    return {situation.place: situation for situation in found}


def _more(there: _Side, here: _Side) -> Witness | None:
    """A request that is allowed there and not here, or cannot be made here."""
    asking = Asking()
    for place, situation in there.places.items():
        other = here.places.get(place)
        if other and _are_alike(situation, other):
            continue
        for action in there.actions:
            if action in situation.operations:
                witness = asking(_more_of, there, here, situation, other, action)
                if witness:
                    return with_api_spelling(
                        witness, {**here.access.actions, **there.access.actions}
                    )
    asking.end()
    return None


def _are_alike(one: Situation, other: Situation) -> bool:
    """Whether the same policies decide the same requests, whatever is asked."""
    return (
        one.principal == other.principal
        and one.api == other.api
        and one.stack.whole.says_the_same(other.stack.whole)
    )


def _more_of(
    there: _Side, here: _Side, situation: Situation, other: Situation | None, action: str
) -> Witness | None:
    allowed = situation.stack.about(action)
    if not allowed.can_grant:
        return None
    frame, made = there.access.frame(situation, action), requests_of(situation, action)
    with _told_about(situation, there.access.actions[action]):
        if other is None or action not in other.operations:
            return find_framed(frame, allowed, made, work=there.work)
        denied = other.stack.about(action)
        is_same_api = (situation.api.stage, situation.operations[action]) == (
            other.api.stage,
            other.operations[action],
        )
        are_alike = is_same_api and situation.principal == other.principal
        if are_alike and allowed.says_the_same(denied):
            return None
        other_frame, asking = here.access.frame(other, action), Asking()
        found = asking(find_framed, frame, allowed, made, denied, other_frame, work=there.work)
        if found is None and not is_same_api:
            made, others = (
                requests_of(each, action, by_scopes=True) for each in (situation, other)
            )
            found = asking(
                find_framed,
                frame,
                allowed,
                made,
                other=other_frame,
                but_not=others,
                work=there.work,
            )
        if found is None:
            asking.end()
        return found


@contextmanager
def _told_about(situation: Situation, action: str) -> Iterator[None]:
    """Say of an Unknown what it was about, and what to ask instead."""
    try:
        yield
    except Exhausted:
        raise
    except Unknown as error:
        who = names_of_principal(situation.principal)[0]
        operations = situation.operations[action.lower()]
        last = filled_with(operations[0].resource or "", "1")
        tenant = situation.tenant if situation.tenant is not None else "other"
        name = f"arn:durward:{situation.api.id}:{situation.api.stage}:{tenant}:{last}"
        instead = f"ask about one resource, such as `who-can {action} --resource {name}`"
        raise Unknown(f"`{action}` by {who}: {error}; {instead}") from None


def _with_advice(answers: Iterator[T], advice: str) -> Iterator[T]:
    """The answers; what is left when a question took all its steps comes with an advice."""
    try:
        yield from answers
    except Exhausted as error:
        raise Exhausted(f"{error}; {advice}") from None


def requests_of(
    situation: Situation, action: str, *, by_scopes: bool = False
) -> Callable[[frozenset[str]], Predicate]:
    """The requests for an action that somebody can make, by the keys that tell them apart.

    `by_scopes`: they are told apart by what their token may do too.
    """
    more = {TOKEN_SCOPES} if by_scopes else frozenset[str]()
    return lambda keys: situation.requests(action, keys | more)


def with_api_spelling(witness: Witness, actions: Mapping[str, str]) -> Witness:
    """The same request with its action as the API spells it."""
    request = witness.request
    action = actions.get(request.folded_action, request.action)
    return Witness(replace(request, action=action))


def names_of_principal(principal: Principal) -> tuple[str, ...]:
    """How somebody is named in questions and tests: `user/ann`, or `ann`."""
    if principal is NOBODY:
        return (ANONYMOUSLY,)
    return principal.attachments[0], principal.subject
