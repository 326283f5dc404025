"""Who can do what by the declarations: the questions of `find`, asked of a configuration.

Everybody who is declared is asked about as what they are: their roles, groups and policies, the
clients that people come through, the policies of each API, guardrails and boundaries; in their own
tenant, where one of the layers must grant, and in others, where both must. A token may have any
scopes: what covers an action is left out, since it narrows. Only requests are looked for that some
declared operation makes. Where a policy or the question asks whose a resource is, other tenants are
those that are declared, and one that is not.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from durward.core.api import Api
from durward.core.configuration.configuration import Configuration
from durward.core.openapi.operations import Operation
from durward.core.policy.analysis.asking import Asking
from durward.core.policy.analysis.find import PolicyStack, Witness, asked_for, find
from durward.core.policy.analysis.operation_requests import PATH, RESOURCE_TENANT, asked_by
from durward.core.policy.analysis.redundancy import Gone, Redundant, redundant_among, without
from durward.core.policy.engine.atoms import equals, named
from durward.core.policy.engine.predicate import (
    ACTION,
    FALSE,
    TRUE,
    ActionMatch,
    And,
    Not,
    Or,
    Predicate,
    PrincipalMatch,
    atom_holds,
    atoms_of,
    compile_statement,
    keys_of,
)
from durward.core.policy.engine.request import NOBODY, Principal
from durward.core.policy.language.document import Document, Kind, read_document
from durward.core.principals import USER, declared_principals

NAMES_OF_ONE = frozenset({"durward:subject", "durward:principalarn"})
"""Keys that tell one from another who has the same roles and groups."""
NAMED_ALONE = (":user/", ":client/")
THROUGH = "durward:clientid"
MAX_BY_PATH = 100
"""Of how many operations at once it is known that the path names the resource."""
ANONYMOUSLY = "anonymous"
"""How they are named who ask without a token."""
SIGNS_PEOPLE_IN = "authorization_code"


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody, and a request that shows what they can do."""

    principal: Principal
    witness: Witness


@dataclass(frozen=True)
class Situation:
    """Somebody at an API: through which client, in their own tenant or in others.

    `side` decides there; `requests` are those that can be made.
    """

    side: PolicyStack
    requests: Predicate


Situations = dict[tuple[str, str, str], Situation]
"""By API, by client, and by the tenant whose the resource is."""
OWN, OTHERS = "", "*"
"""The tenants of situations in which it makes no difference which tenant it is."""
UNDECLARED = "~undeclared"
STAGE = "durward:stage"
"""Told with every request, as its API declares it."""


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
        self.reads = self._everything_read()
        self.tenants = frozenset(configuration.tenants)
        self.evaluated = configuration.evaluated

    def who_can(self, action: str, resource: str) -> Iterator[Known]:
        """Everybody who can do it under some circumstances.

        Raises ValueError, and Unknown after everybody of whom it could be settled.
        """
        wanted, asking = asked_for(action, resource), Asking()
        for principal in (*self.principals, NOBODY):
            if witness := asking(self._witness, principal, wanted):
                yield Known(principal, witness)
        asking.end()

    def what_can(self, name: str) -> Iterator[tuple[str, Witness]]:
        """Each operation that somebody can do, with a request. Raises Unknown at the end."""
        everybody, asking = (*self.principals, NOBODY), Asking()
        principals = [found for found in everybody if name in names_of(found)]
        for principal in principals:
            for action in self.actions.values():
                if witness := asking(self._witness, principal, asked_for(action)):
                    yield action, witness
        asking.end()

    def breaches(self, never: Predicate) -> Iterator[Known]:
        """Who is allowed what must never be; of all who are alike, one.

        Raises Unknown at the end.
        """
        asking = Asking()
        for principal in self._different(never):
            if witness := asking(self._witness, principal, never):
                yield Known(principal, witness)
        asking.end()

    def redundant(self) -> Iterator[Redundant]:
        """Statements without which nothing changes for anybody, all of them together."""
        idle = self.idle
        deciding = [found for found in self._documents() if found.name not in idle]

        def matters(gone: Gone) -> bool:
            return any(changes(self, self._without(gone)))

        return redundant_among(deciding, matters)

    @property
    def idle(self) -> frozenset[str]:
        """The policies that decide about nobody who is declared: nobody has the role, say."""
        deciding = frozenset(
            document.name
            for principal in (*self.principals, NOBODY)
            for situation in self.situations(principal, frozenset({THROUGH}), frozenset()).values()
            for document in chain(situation.side.grants, *situation.side.ceilings)
        )
        return frozenset(self.configuration.policies) - deciding

    def _documents(self) -> list[Document]:
        """Every policy that is attached to something."""
        return list({found.name: found for found in self._read.values()}.values())

    def _without(self, gone: Gone) -> "Access":
        """The same configuration, less some statements."""
        read = {key: without(found, gone) for key, found in self._read.items()}
        return Access(self.configuration, read)

    def situations(
        self,
        principal: Principal,
        keys: frozenset[str],
        tenants: frozenset[str],
        wanted: Predicate = TRUE,
    ) -> Situations:
        """Everywhere that somebody can ask; `keys` are what the question and policies read.

        Operations that are not what is `wanted` need not be asked for.
        """
        found: Situations = {}
        is_told = RESOURCE_TENANT in keys
        for client in self._clients_of(principal, keys):
            person = replace(principal, client=client) if client else principal
            for api in self.configuration.apis.values():
                asked = [each for each in api.operations if _is_asked_for(each, wanted)]
                for tenant in _tenants_of(person, tenants, is_told=is_told):
                    cross_tenant = tenant != OWN and person is not NOBODY
                    side = self._side(person, api, cross_tenant=cross_tenant)
                    if not cross_tenant or (side.grants and side.ceilings[-1]):
                        elsewhere = api.id in self.evaluated
                        requests = _requests(api, asked, person, tenant, keys, elsewhere=elsewhere)
                        if STAGE in keys:
                            requests = And((requests, equals(STAGE, api.stage)))
                        found[api.id, client, tenant] = Situation(side, requests)
        return found

    def _witness(self, principal: Principal, wanted: Predicate) -> Witness | None:
        keys, asking = self.reads | keys_of(wanted), Asking()
        for situation in self.situations(principal, keys, self.tenants, wanted).values():
            under = And((situation.requests, wanted))
            if witness := asking(find, situation.side, under=under):
                return spelled(witness, self.actions)
        asking.end()
        return None

    def _side(self, principal: Principal, api: Api, *, cross_tenant: bool) -> PolicyStack:
        """What decides: in the own tenant either layer grants, in others both must."""
        bundle = self.configuration.bundle
        identity = self._attached(bundle.identity, principal.attachments)
        names = bundle.resources.get(api.id, ())
        resource = [self._document(name, Kind.RESOURCE) for name in names]
        ceilings = [[self._document(name, Kind.IDENTITY)] for name in bundle.guardrails]
        bounded = (*principal.attachments, principal.through)
        ceilings += [
            self._attached(bundle.boundaries, [name])
            for name in bounded
            if name in bundle.boundaries
        ]
        if cross_tenant:
            return PolicyStack(
                identity, [*ceilings, resource], cross_tenant=True, principal=principal
            )
        return PolicyStack([*identity, *resource], ceilings, principal=principal)

    def _clients_of(self, principal: Principal, keys: frozenset[str]) -> list[str]:
        """The clients through which a person comes; of those that make no difference, one."""
        if principal.kind != USER:
            return [""]
        declared = [
            name
            for name, client in self.configuration.clients.items()
            if SIGNS_PEOPLE_IN in client.grants and not client.disabled
        ]
        if THROUGH in keys:
            return declared or [""]
        boundaries = self.configuration.bundle.boundaries
        alike = {boundaries.get(f"client/{name}"): name for name in reversed(declared)}
        return list(alike.values()) or [""]

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
            is_told = principal.kind != USER and THROUGH in keys
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
                for statement in self._document(name, kind).statements
            )
        )

    def _attached(
        self, attachments: Mapping[str, tuple[str, ...]], names: Sequence[str]
    ) -> list[Document]:
        listed = dict.fromkeys(named for name in names for named in attachments.get(name, ()))
        return [self._document(name, Kind.IDENTITY) for name in listed]

    def _document(self, name: str, kind: Kind) -> Document:
        if (name, kind) not in self._read:
            body = self.configuration.bundle.documents[name]
            self._read[name, kind] = read_document(body, name, kind)
        return self._read[name, kind]


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


NOWHERE = Situation(PolicyStack([]), FALSE)


def changes(old: Access, new: Access) -> Iterator[Change]:
    """Everybody for whom something is otherwise. Raises Unknown at the end.

    Who is declared in one configuration alone can do nothing in the other.
    """
    before = {found.attachments[0]: found for found in (*old.principals, NOBODY)}
    after = {found.attachments[0]: found for found in (*new.principals, NOBODY)}
    keys = old.reads | new.reads | {THROUGH}  # whoever is alike in one may not be in the other
    tenants, actions = old.tenants | new.tenants, old.actions | new.actions
    asking = Asking()
    for name in before | after:
        was = old.situations(before[name], keys, tenants) if name in before else {}
        will_be = new.situations(after[name], keys, tenants) if name in after else {}
        gained = lost = None
        for place in was | will_be:
            first, second = was.get(place, NOWHERE), will_be.get(place, NOWHERE)
            gained = gained or asking(_more, second, first, actions)
            lost = lost or asking(_more, first, second, actions)
        if gained or lost:
            yield Change(after.get(name) or before[name], gained, lost)
    asking.end()


def _more(there: Situation, here: Situation, actions: Mapping[str, str]) -> Witness | None:
    """A request that is allowed there and not here, or cannot be made here."""
    both = And((there.requests, here.requests))
    alone = And((there.requests, Not(here.requests)))
    asking = Asking()
    found = asking(find, there.side, here.side, both)
    if found is None and there.requests != here.requests:
        found = asking(find, there.side, under=alone)
    if found:
        return spelled(found, actions)
    asking.end()
    return None


def spelled(witness: Witness, actions: Mapping[str, str]) -> Witness:
    """The same request with its action as the API spells it."""
    request = witness.request
    action = actions.get(request.folded_action, request.action)
    return Witness(replace(request, action=action))


def _tenants_of(principal: Principal, declared: frozenset[str], *, is_told: bool) -> list[str]:
    """Whose resources somebody can ask for."""
    if not is_told:
        return [OWN] if principal is NOBODY else [OWN, OTHERS]
    others = sorted({*declared, UNDECLARED} - {principal.tenant})
    return [OWN, *others]


def _is_asked_for(operation: Operation, wanted: Predicate) -> bool:
    """Whether its action is one that is wanted; where that is not told in so many words, it is."""
    parts = wanted.parts if isinstance(wanted, And) else ()
    acts = (part for part in parts if isinstance(part, ActionMatch))
    return all(atom_holds(part, {ACTION: operation.action}) for part in acts)


def _requests(
    api: Api,
    operations: Sequence[Operation],
    principal: Principal,
    tenant: str,
    keys: frozenset[str],
    *,
    elsewhere: bool,
) -> Predicate:
    """What somebody can ask an API for: without a token, what is declared to need none.

    `elsewhere` tells whether enforcement points of others ask about it too.
    """
    whose, is_told = tenant or principal.tenant, RESOURCE_TENANT in keys
    may = [each for each in operations if each.public or principal is not NOBODY]
    if len(may) > MAX_BY_PATH:
        keys = frozenset(key for key in keys if not key.startswith(PATH))
    if is_told and not whose:  # who has no tenant has no resources of their own
        may = [each for each in may if not each.tenant]
    told = whose if is_told else None
    asked = Or(
        tuple(asked_by(each, api.id, api.stage, told, keys, elsewhere=elsewhere) for each in may)
    )
    if tenant == OTHERS:
        own = named(f"arn:*:*:*:{principal.tenant}:*")
        return And((asked, Not(own), Not(named("arn:*:*:*::*"))))
    if tenant:
        return And((asked, named(f"arn:*:*:*:{tenant}:*")))
    return asked


def names_of(principal: Principal) -> tuple[str, ...]:
    """How somebody is named in questions and tests: `user/ann`, or `ann`."""
    if principal is NOBODY:
        return (ANONYMOUSLY,)
    return principal.attachments[0], principal.subject
