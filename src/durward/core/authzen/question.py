"""From an AuthZEN evaluation to a request of the policy engine.

Who a subject is, and what is declared of an object, comes from the declarations alone. The
enforcement point provides what only it can know: further attributes, and the circumstances. The
tenant of an object must be known: an object without one is not taken for one of the subject's own
tenant.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from durward.core.api import Api
from durward.core.authzen.requests import Action, Entity, Evaluation
from durward.core.configuration.api import DeclaredObject
from durward.core.configuration.configuration import Configuration
from durward.core.openapi.operations import can_be_named, is_object
from durward.core.people.person import Person
from durward.core.policy.engine.request import UNREADABLE, AccessRequest, Principal
from durward.core.policy.language.catalogue import catalogue_of
from durward.core.principals import (
    CLIENT,
    USER,
    principal_of_client,
    principal_of_person,
)
from durward.core.values import Instant, numeric_date

CIRCUMSTANCES: Final = frozenset(
    f"durward:{name}"
    for name in (
        *("requestmethod", "requestpath", "sourceip", "securetransport", "tlsversion", "useragent"),
        *("acr", "amr", "authtime", "authage", "multifactorauthpresent", "multifactorauthage"),
        *("tokenissuetime", "tokenage", "tokenbinding", "sessionid"),
        *("riskscore", "deviceid", "devicetrust", "requestedfields"),
    )
)
"""The keys that only the enforcement point can provide: of the request, the sign-in, the device."""
FAMILIES: Final = ("durward:queryparam/", "durward:header/", "durward:pathparam/")
SCOPES: Final = "durward:scopes"
THROUGH: Final = "durward:clientid"


@dataclass(frozen=True, slots=True)
class UnknownEntity:
    """A subject, action or resource that is unknown here: the decision is a denial."""

    reason: str


class Directory:
    """The declarations, as far as one enforcement point may ask about them.

    `person` looks up a person by their id.
    """

    def __init__(
        self,
        configuration: Configuration,
        authzen_apis: tuple[str, ...],
        now: Instant,
        person: Callable[[str], Person | None],
    ) -> None:
        """`person` looks up somebody by their id."""
        self._person = person
        self._configuration = configuration
        self._apis = {
            name: configuration.apis[name] for name in authzen_apis if name in configuration.apis
        }
        self._catalogue = catalogue_of({}, configuration.keys)
        self._now = str(numeric_date(now))

    def request(self, asked: Evaluation) -> AccessRequest | UnknownEntity:
        """The request of the policy engine, or what of it is unknown."""
        about = self.about(asked.action, asked.resource, asked.subject.properties, asked.context)
        if isinstance(about, UnknownEntity):
            return about
        principal = self._principal(asked.subject, asked.context)
        if principal is None:
            return UnknownEntity("unknown subject, or unknown client of the subject")
        return about(principal)

    def about(
        self,
        action: Action,
        resource: Entity,
        properties: Mapping[str, Any],
        circumstances: Mapping[str, Any],
    ) -> Callable[[Principal], AccessRequest] | UnknownEntity:
        """A function from a subject with these properties to its request, or what is unknown."""
        found = self._action(action)
        if found is None:
            return UnknownEntity("no operation of the APIs of this client has the action")
        api, named = found
        sent, name = resource.properties, f"{resource.type}/{resource.id}"
        declared = self._configuration.objects.get(api.id, {}).get(name)
        tenant = declared.tenant if declared else _tenant(api, named, sent)
        if tenant is None:
            return UnknownEntity(
                "the tenant of the resource is unknown: send `tenant` in its properties"
            )
        is_named = "/" not in resource.type and is_object(name)
        if not is_named or (tenant and not can_be_named(tenant)):
            return UnknownEntity("the resource cannot be named")
        context = {
            **self._told(_circumstances(circumstances)),
            **self._told(_tags("PrincipalTag", properties)),
            **self._told(_tags("RequestTag", action.properties)),
            **self._told(_of_object(sent, declared)),
            "durward:ResourceTenant": tenant or None,
            "durward:Stage": api.stage,
            "durward:CurrentTime": self._now,
            "durward:EpochTime": self._now,
        }
        arn = f"arn:durward:{api.id}:{api.stage}:{tenant}:{name}"
        return lambda principal: AccessRequest(principal, named, arn, context)

    def _told(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values in the number that the catalogue has for their keys.

        One value of a key that has several becomes a list of one. Several values of a key that has
        one are unreadable: a plain operator never holds for a list, so a Deny would not apply.
        """
        return {name: self._shaped(name, value) for name, value in values.items()}

    def _shaped(self, name: str, value: object) -> object:
        key = self._catalogue.key(name)
        if key is not None and key.many:
            return value if value is None or isinstance(value, list) else [value]
        return UNREADABLE if isinstance(value, list) else value

    def clients(self) -> Iterator[str]:
        """The ids of all clients, in order."""
        yield from sorted(self._configuration.clients)

    def resources(self, action: Action, kind: str) -> Iterator[str]:
        """The ids of all declared objects of a type of the action's API, in order."""
        if found := self._action(action):
            beginning = f"{kind}/"
            objects = self._configuration.objects.get(found[0].id, {})
            yield from sorted(
                name.removeprefix(beginning) for name in objects if name.startswith(beginning)
            )

    def actions(self, kind: str) -> Iterator[str]:
        """The actions of operations on resources of a type, in order, as the caller names them."""
        names = set()
        for api in self._apis.values():
            for operation in api.operations:
                if operation.resource and operation.resource.partition("/")[0] == kind:
                    bare = operation.action.removeprefix(f"{api.id}:")
                    names.add(bare if len(self._apis) == 1 else operation.action)
        yield from sorted(names)

    def _principal(self, subject: Entity, context: Mapping[str, Any]) -> Principal | None:
        """The principal of a subject, as `narrowed`; None if it is unknown."""
        found: Principal | None = None
        if subject.type == USER:
            person = self._person(subject.id)
            found = principal_of_person(person) if person and not person.disabled else None
        elif subject.type == CLIENT:
            client = self._configuration.clients.get(subject.id)
            found = principal_of_client(subject.id, client)
        return self.narrowed(found, context) if found else None

    def narrowed(self, found: Principal, context: Mapping[str, Any]) -> Principal | None:
        """The subject with the limits of its client and its token; None for an unknown client."""
        told = {key.lower(): value for key, value in context.items()}
        if SCOPES in told:
            found = replace(found, scopes=frozenset(_texts(told[SCOPES])) | {""})
        if found.kind != USER or THROUGH not in told:
            return found
        client = told[THROUGH]
        is_known = isinstance(client, str) and client in self._configuration.clients
        return replace(found, client=client) if is_known else None

    def _action(self, action: Action) -> tuple[Api, str] | None:
        """The API and the full name of an action; a bare name is one of the caller's only API."""
        name, colon, _ = action.name.partition(":")
        if colon:
            api = self._apis.get(name)
            return _named(api, action.name) if api else None
        if len(self._apis) != 1:
            return None
        (only,) = self._apis.values()
        return _named(only, f"{only.id}:{action.name}")


def _named(api: Api, action: str) -> tuple[Api, str] | None:
    """The action of an operation of the API, in the spelling of its declaration."""
    known = any(each.action.lower() == action.lower() for each in api.operations)
    return (api, action) if known else None


def _tenant(api: Api, action: str, sent: Mapping[str, Any]) -> str | None:
    """The tenant of an object that is not declared; none if the operation says so."""
    if isinstance(told := sent.get("tenant"), str) and told:
        return told
    operations = [each for each in api.operations if each.action.lower() == action.lower()]
    return "" if operations and not any(each.tenant for each in operations) else None


def _circumstances(context: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in context.items()
        if key.lower() in CIRCUMSTANCES or key.lower().startswith(FAMILIES)
    }


def _tags(family: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    return {f"durward:{family}/{name}": value for name, value in properties.items() if name}


def _of_object(sent: Mapping[str, Any], declared: DeclaredObject | None) -> dict[str, Any]:
    """The keys of the object; of a declared one only attributes can be added."""
    if declared is None:
        return _tags("ResourceAttr", sent) | {
            "durward:ResourceOwner": sent.get("owner"),
            "durward:ResourceMembers": sent.get("members"),
        }
    known = {name.lower() for name in declared.attributes}
    added = {name: value for name, value in sent.items() if name.lower() not in known}
    return _tags("ResourceAttr", {**added, **declared.attributes}) | {
        "durward:ResourceOwner": declared.owner or None,
        "durward:ResourceMembers": list(declared.members),
    }


def _texts(value: object) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    return [each for each in listed if isinstance(each, str)]
