"""Where somebody can ask: through which client, at whose enforcement point, in whose tenant.

At the edge people come through a client that signs them in, and requests are those that a path
makes. An enforcement point of others asks about anybody declared, through any client or none told,
and names any object. In their own tenant one layer must grant, in others both; which tenants there
are nobody has to declare.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from typing import Final

from durward.core.api import Api
from durward.core.configuration.configuration import Configuration
from durward.core.openapi.operations import Operation
from durward.core.policy.analysis.operation_requests import asked_by, asked_elsewhere
from durward.core.policy.analysis.policy_stack import PolicyStack
from durward.core.policy.engine.atoms import named
from durward.core.policy.engine.predicate import (
    ACTION,
    PRINCIPAL,
    And,
    Facts,
    Not,
    Or,
    Predicate,
)
from durward.core.policy.engine.request import ANONYMOUS, NOBODY, SCOPES, TOKEN_SCOPES, Principal
from durward.core.policy.language.catalogue import catalogue_of
from durward.core.policy.language.dialect import DELEGATE
from durward.core.policy.language.document import Document, PolicyKind, read_document
from durward.core.policy.language.pattern import literally
from durward.core.policy.symbolic.request_keys import RESOURCE_TENANT
from durward.core.principals import USER

SIGNS_PEOPLE_IN: Final = "authorization_code"
STAGE: Final = "durward:stage"
"""Told with every request, as its API declares it."""
OF_A_TOKEN: Final = frozenset(
    f"durward:{name}"
    for name in (
        *("issuer", "audience", "sessionid", "acr", "amr", "multifactorauthpresent"),
        *("tokenbinding", "tokenissuetime", "tokenage", "authtime", "authage"),
    )
)
"""What no request without a token has."""
CLAIMS: Final = "durward:tokenclaim/"
EVERYWHERE: Final = "*"
"""The tenants that are told apart from no other."""
NOBODYS: Final = ""


@dataclass(frozen=True, slots=True)
class AccessContext:
    """At which API, through which client, in whose tenant; `elsewhere` is not at the edge."""

    api: str
    client: str
    tenant: str
    elsewhere: bool


@dataclass(frozen=True)
class Situation:
    """Somebody at a place, and the policies that decide there."""

    place: AccessContext
    principal: Principal
    stack: PolicyStack
    api: Api
    operations: Mapping[str, Sequence[Operation]]
    """Those that can be asked for, by their actions in lower case."""
    homes: frozenset[str] = frozenset()
    """Tenants that have a place of their own."""

    @property
    def tenant(self) -> str | None:
        """Whose the resource is, where that is known."""
        return None if self.place.tenant == EVERYWHERE else self.place.tenant

    @property
    def resource(self) -> Sequence[str | None]:
        """What is known of the name of a resource."""
        return ("arn", "durward", self.api.id, self.api.stage, self.tenant, None)

    def known(self, action: str, keys: frozenset[str]) -> Facts:
        """The keys whose values are known; `keys` are those that make a difference."""
        person = self.principal
        facts = dict(ANONYMOUS if person is NOBODY else person.facts)
        if self.stack.cross_tenant:
            facts[PRINCIPAL] = (*person.arns, f"arn:durward:iam::{person.tenant}:{DELEGATE}")
        del facts[SCOPES], facts[TOKEN_SCOPES]
        if person is NOBODY:
            claims = (key for key in keys if key.startswith(CLAIMS))
            facts |= dict.fromkeys((*OF_A_TOKEN, TOKEN_SCOPES, *claims))
        facts |= {ACTION: action, STAGE: self.api.stage}
        if self.tenant is not None:
            facts[RESOURCE_TENANT] = self.tenant or None
        return facts

    def requests(self, action: str, keys: frozenset[str]) -> Predicate:
        """What can be asked for; `keys` are those that make a difference."""
        operations = self.operations.get(action, ())
        if not operations:
            return Or(())
        api, stage, tenant = self.api.id, self.api.stage, self.tenant
        if self.place.elsewhere:
            asked = asked_elsewhere(operations, api, stage, tenant, keys)
        else:
            asked = Or(tuple(asked_by(each, api, stage, tenant, keys) for each in operations))
        if tenant is not None:
            return asked
        others = (
            Not(named(f"arn:*:*:*:{literally(home, wildcards=False)}:*"))
            for home in sorted({*self.homes, NOBODYS})
        )
        return And((asked, *others))


@dataclass(frozen=True)
class Situations:
    """Everywhere that somebody can ask, by a configuration and the policies that are read of it."""

    configuration: Configuration
    read: dict[tuple[str, PolicyKind], Document]
    _stacks: dict[object, PolicyStack] = field(default_factory=dict)
    _operations: dict[object, Mapping[str, Sequence[Operation]]] = field(default_factory=dict)

    @cached_property
    def lists(self) -> frozenset[str]:
        """The keys that have a list of values wherever they have any, in lower case."""
        keys = catalogue_of({}, self.configuration.keys).keys
        return frozenset(name for name, key in keys.items() if key.many)

    def of(
        self, principal: Principal, *, by_client: bool, homes: frozenset[str] = frozenset()
    ) -> Iterator[Situation]:
        """Every place at which somebody can ask.

        `by_client` tells that it makes a difference through which client; `homes` are tenants that
        are told apart from others, beside their own.
        """
        told_apart = (homes | {principal.tenant}) - {NOBODYS}
        evaluated = self.configuration.evaluated
        for api in self.configuration.apis.values():
            for elsewhere in (False, True):
                if elsewhere and (principal is NOBODY or api.id not in evaluated):
                    continue
                operations = self._asked_for(api, principal)
                for client in self._clients_of(principal, elsewhere=elsewhere, each=by_client):
                    person = replace(principal, client=client) if client else principal
                    for tenant in (*sorted(told_apart), NOBODYS, EVERYWHERE):
                        place = AccessContext(api.id, client, tenant, elsewhere)
                        cross_tenant = tenant not in {NOBODYS, principal.tenant}
                        stack = self._stack(person, api, cross_tenant=cross_tenant)
                        if stack.can_grant:
                            yield Situation(place, person, stack, api, operations, told_apart)

    def document(self, name: str, kind: PolicyKind) -> Document:
        """A policy by its name, read once."""
        if (name, kind) not in self.read:
            body = self.configuration.bundle.documents[name]
            self.read[name, kind] = read_document(body, name, kind)
        return self.read[name, kind]

    def _asked_for(self, api: Api, principal: Principal) -> Mapping[str, Sequence[Operation]]:
        """Without a token, what is declared to need none."""
        is_nobody = principal is NOBODY
        key = (api.id, is_nobody)
        if key not in self._operations:
            found: dict[str, list[Operation]] = {}
            for each in api.operations:
                if each.public or not is_nobody:
                    found.setdefault(each.action.lower(), []).append(each)
            self._operations[key] = found
        return self._operations[key]

    def _stack(self, principal: Principal, api: Api, *, cross_tenant: bool) -> PolicyStack:
        """What decides: in the own tenant either layer grants, in others both must.

        Who has no token is in no tenant: a policy of the API grants. All documents of somebody's
        own boundary are one ceiling.
        """
        bundle = self.configuration.bundle
        across = cross_tenant and principal is not NOBODY
        bounded = tuple(
            name
            for name in (*principal.attachments, principal.through)
            if name in bundle.boundaries
        )
        attached = tuple(name for name in principal.attachments if name in bundle.identity)
        guardrails = (*bundle.guardrails, *bundle.tenant_guardrails.get(principal.tenant, ()))
        own, boundary = principal.policies, principal.boundary
        key = (own, attached, boundary, bounded, guardrails, api.id, across)
        known = self._stacks.get(key)
        if known is None:
            ceilings = [[self.document(name, PolicyKind.IDENTITY)] for name in guardrails]
            if boundary:
                ceilings.append(self._identity(boundary))
            ceilings += [self._identity(bundle.boundaries[name]) for name in bounded]
            names = (*own, *chain.from_iterable(bundle.identity[name] for name in attached))
            known = self._stacks[key] = self._new_stack(names, ceilings, api, across=across)
        return known

    def _new_stack(
        self,
        identity: Sequence[str],
        ceilings: Sequence[Sequence[Document]],
        api: Api,
        *,
        across: bool,
    ) -> PolicyStack:
        names = self.configuration.bundle.resources.get(api.id, ())
        resource = [self.document(name, PolicyKind.RESOURCE) for name in names]
        granting = self._identity(identity)
        if across:
            return PolicyStack(granting, [*ceilings, resource], cross_tenant=True)
        return PolicyStack([*granting, *resource], ceilings)

    def _clients_of(self, principal: Principal, *, elsewhere: bool, each: bool) -> list[str]:
        """The clients through which a person comes; of those that make no difference, one.

        Where nobody signs people in, they are asked about as if somebody did.
        """
        if principal.kind != USER:
            return [principal.client]
        clients = self.configuration.clients
        if elsewhere:
            declared = ["", *clients]
        else:
            declared = [
                name
                for name, client in clients.items()
                if SIGNS_PEOPLE_IN in client.grants and not client.disabled
            ]
        if each:
            return declared or [""]
        boundaries = self.configuration.bundle.boundaries
        alike = {boundaries.get(f"client/{name}"): name for name in reversed(declared)}
        return list(alike.values()) or [""]

    def _identity(self, names: Iterable[str]) -> list[Document]:
        return [self.document(name, PolicyKind.IDENTITY) for name in dict.fromkeys(names)]
