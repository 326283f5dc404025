"""What changes *in* a declaration: line by line, with what may allow more marked.

Of an API's document its operations are told, of a policy its statements, of anything else its
members. What proves who somebody is is never shown: that it changed is.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from durward.core.api import Api
from durward.core.certificates import summarize_certificates
from durward.core.configuration.configuration import Configuration
from durward.core.configuration.declaration import DeclarationKind
from durward.core.configuration.profile import Profile, is_above
from durward.core.difference import (
    OTHERWISE,
    Detail,
    Difference,
    differences,
    excerpt,
    pointer,
    summarize_list,
)
from durward.core.openapi.operation_changes import NOWHERE, Place, operation_changes
from durward.core.openapi.shadows import Shapes
from durward.core.policy.analysis.statement_changes import effects_of, policy_changes, policy_end
from durward.core.policy.language.document import Effect
from durward.core.values import Instant
from durward.core.wire import Json

DOCUMENT: Final = "openapi"
HOSTS: Final = "hosts"
PREFIX: Final = "prefix"
PLACE: Final = (HOSTS, PREFIX, "base_path")
"""Where an API is served: told as it is in force."""
ANY_HOST: Final = "every host that no API names"
HIDDEN: Final = "jwks"
UPSTREAM: Final = "upstream"
CORS: Final = "cors"
POLICIES: Final = "policies"
ROLES: Final = "roles"
GROUPS: Final = "groups"
GUARDRAILS: Final = "guardrails"
BOUNDARY: Final = "boundary"
PROFILE: Final = "profile"
DOCUMENT_OTHERWISE: Final = "the document changed in other members"

HANDED_OUT: Final[Mapping[DeclarationKind, Collection[str]]] = {
    DeclarationKind.CLIENT: {
        *("grants", "apis", "authzen_apis", "scopes", "redirect_uris", "origins"),
        "response_modes",
    },
}
"""Lists of which more is more that is allowed."""
OPEN: Final[Mapping[str, Json]] = {"first_party": True, "authentication": "none"}
"""Values with which more is allowed than with the others."""
CLOSING: Final = {"disabled", "require_pushed_authorization_requests"}
"""Members with which less is allowed while they are true."""
Body = Mapping[str, Json]


@dataclass(frozen=True)
class Sides:
    """The configuration before and after, and which policies have a Deny, asked once each."""

    before: Configuration
    after: Configuration
    now: Instant
    """When the change is made: a waiver that has ended by then relaxes nothing."""
    _effects: dict[tuple[bool, str], frozenset[str]] = field(default_factory=dict)

    @cached_property
    def shapes(self) -> tuple[Shapes, Shapes]:
        """The operations of all APIs by their paths."""
        before, after = (
            Shapes(
                ((name, one) for name, api in configuration.apis.items() for one in api.operations),
                {name: api.hosts for name, api in configuration.apis.items() if api.hosts},
            )
            for configuration in (self.before, self.after)
        )
        return before, after

    @cached_property
    def named(self) -> frozenset[str]:
        """The hosts that APIs named before."""
        return frozenset(host for api in self.before.apis.values() for host in api.hosts)

    def denied(self, policy: Json) -> bool:
        """Whether a policy held a Deny before."""
        return Effect.DENY in self._of(self.before, policy)

    def allows(self, policy: Json) -> bool:
        """Whether a policy holds an Allow after."""
        return Effect.ALLOW in self._of(self.after, policy)

    def narrowed(self, member: str, name: Json) -> bool:
        """Whether a role or a group took something away before."""
        declared = self.before.roles if member == ROLES else self.before.groups
        found = declared.get(str(name))
        return bool(found and (found.boundary or any(map(self.denied, found.policies))))

    def _of(self, configuration: Configuration, policy: Json) -> frozenset[str]:
        place = (configuration is self.after, str(policy))
        if place not in self._effects:
            self._effects[place] = effects_of(configuration.policies.get(place[1], {}))
        return self._effects[place]


def details(
    kind: DeclarationKind, name: str, before: Body | None, after: Body | None, sides: Sides
) -> list[Detail]:
    """What changes in one declaration, what may allow more first.

    Of what is added or removed only what it takes from others, or leaves to them: requests, or what
    a Deny took away. Where a declaration changes there is a line at least.
    """
    if kind is DeclarationKind.API and (before is None or after is None):
        return list(_requests_moved(name, sides))
    if kind is DeclarationKind.WAIVER and after is not None:
        return list(_waiver_changes(name, before, after, sides))
    if before is None:
        return []
    if after is None:
        return list(policy_end(before)) if kind is DeclarationKind.POLICY else []
    found = list(_changes(kind, name, before, after, sides)) or [Detail("~", "", OTHERWISE)]
    return sorted(found, key=lambda detail: not detail.widens)


def _changes(
    kind: DeclarationKind, name: str, before: Body, after: Body, sides: Sides
) -> Iterator[Detail]:
    if kind is DeclarationKind.POLICY:
        yield from policy_changes(before, after)
        return
    apart = (
        {DOCUMENT, *PLACE}
        if kind is DeclarationKind.API
        else {HIDDEN}
        if kind is DeclarationKind.CLIENT
        else set()
    )
    if kind is DeclarationKind.API:
        moves = list(_moves(sides.before.apis[name], sides.after.apis[name], sides.named))
        yield from moves
        if moves or before.get(DOCUMENT) != after.get(DOCUMENT):
            yield from _document_changes(name, sides, told=bool(moves))
    if kind is DeclarationKind.CLIENT and before.get(HIDDEN) != after.get(HIDDEN):
        yield Detail("~", pointer((HIDDEN,)), "changed")
    first, second = _comparable(before, apart), _comparable(after, apart)
    if isinstance(first.get(UPSTREAM), dict) is not isinstance(second.get(UPSTREAM), dict):
        first, second = map(_with_upstream_object, (first, second))
    for found in differences(first, second):
        widens = _widens(kind, found, bool(before.get(BOUNDARY)), sides)
        yield found.detail(widens=widens)


def _waiver_changes(name: str, before: Body | None, after: Body, sides: Sides) -> Iterator[Detail]:
    """What it relaxes, for whom and until when; then what changed in it."""
    waiver = sides.after.waivers[name]
    former = sides.before.waivers.get(name)
    until = f"until the end of {waiver.until} (UTC)"
    if waiver.is_over(sides.now):
        yield Detail("~", "", f"ended on {waiver.until}: it has no effect")
    else:
        relaxed = f"relaxes {waiver.relaxes} for clients/{waiver.client} {until}, by {waiver.owner}"
        same = former and (former.client, former.relaxes) == (waiver.client, waiver.relaxes)
        widens = not (same and former and former.ends_at >= waiver.ends_at)
        yield Detail("+" if former is None else "~", "", excerpt(relaxed), widens=widens)
    if before is not None:
        yield from (found.detail() for found in differences(dict(before), dict(after)))


def _comparable(body: Body, apart: Collection[str]) -> dict[str, Json]:
    """The members that are compared here; certificates by their subjects and fingerprints."""
    found = {name: value for name, value in body.items() if name not in apart}
    upstream = found.get(UPSTREAM)
    tls = upstream.get("tls") if isinstance(upstream, dict) else None
    if isinstance(upstream, dict) and isinstance(tls, dict) and isinstance(tls.get("ca"), str):
        certificates: Json = [*summarize_certificates(str(tls["ca"]))]
        found[UPSTREAM] = {**upstream, "tls": {**tls, "ca": certificates}}
    return found


def _with_upstream_object(body: dict[str, Json]) -> dict[str, Json]:
    """A text is the object with that `url` alone."""
    upstream = body.get(UPSTREAM)
    return {**body, UPSTREAM: {"url": upstream}} if isinstance(upstream, str) else body


def _requests_moved(name: str, sides: Sides) -> Iterator[Detail]:
    """Operations of an API that comes or goes, as far as requests of others are theirs then."""
    was, will_be = sides.before.apis.get(name), sides.after.apis.get(name)
    shapes = sides.shapes
    gone = [one for one in was.operations if shapes[1].behind(one, was.hosts)] if was else []
    new = (
        [one for one in will_be.operations if shapes[0].behind(one, will_be.hosts)]
        if will_be
        else []
    )
    places = [Place(api.hosts, api.prefix) if api else NOWHERE for api in (was, will_be)]
    yield from operation_changes(gone, new, name, shapes, (places[0], places[1]))


def _moves(was: Api, will_be: Api, named: Collection[str]) -> Iterator[Detail]:
    """Where an API is served, and where at its service: as it is in force, declared or not.

    `named` are the hosts that some API named before: all others served it if it named none.
    """
    for member in PLACE:
        old, new = getattr(was, member), getattr(will_be, member)
        if member == HOSTS and old != new:
            gone, more = [*(set(old) - set(new))], [*(set(new) - set(old))]
            text = summarize_list(sorted(more), sorted(gone)) if old and new else ""
            text = text or " → ".join(", ".join(each) or ANY_HOST for each in (old, new))
            wider = bool(more) if old else any(host in named for host in more)
            yield Detail("~", pointer((member,)), excerpt(text), widens=wider or not new)
        elif old != new:
            text = " → ".join(f"`{each or '/'}`" for each in (old, new))
            # What policies say of `durward:RequestPath` is said of the path with its prefix.
            yield Detail("~", pointer((member,)), text, widens=member == PREFIX)


def _document_changes(name: str, sides: Sides, *, told: bool) -> Iterator[Detail]:
    was, will_be = sides.before.apis[name], sides.after.apis[name]
    places = Place(was.hosts, was.prefix), Place(will_be.hosts, will_be.prefix)
    changes = operation_changes(was.operations, will_be.operations, name, sides.shapes, places)
    found = list(changes)
    yield from found
    scopes = [
        [each for each in some if each not in others]
        for some, others in ((will_be.scopes, was.scopes), (was.scopes, will_be.scopes))
    ]
    if any(scopes):
        yield Detail("~", "scopes", summarize_list(*scopes))
    elif not found and not told:
        yield Detail("~", pointer((DOCUMENT,)), DOCUMENT_OTHERWISE)


def _profile(values: tuple[Json, ...]) -> Profile:
    """The profile that a member says, before or after; the lowest where it says none."""
    return Profile(values[0]) if values else Profile.OAUTH21


def _widens(kind: DeclarationKind, found: Difference, had_boundary: bool, sides: Sides) -> bool:  # noqa: FBT001
    """Whether a member that changes may allow somebody more."""
    member = found.path[0]
    if member == POLICIES:
        return any(map(sides.allows, found.new)) or any(map(sides.denied, found.gone))
    if member in {ROLES, GROUPS}:
        return bool(found.new) or any(sides.narrowed(member, name) for name in found.gone)
    if member == GUARDRAILS:  # each is a level of its own
        return bool(found.gone)
    if member == BOUNDARY:
        # What one of the documents of a boundary allows is within it: a second one is wider.
        return bool(found.gone) or had_boundary
    if member in HANDED_OUT.get(kind, ()):
        return bool(found.new)
    if member == CORS:
        return found.path[-1] != "max_age" and bool(found.new) and found.new != (False,)
    if member in CLOSING:
        return found.new != (True,)
    if member == PROFILE:
        return is_above(_profile(found.gone), _profile(found.new))
    if member in OPEN:
        return found.new == (OPEN[member],)
    # The stage is a part of each resource's name; whose an object is, policies are asked about.
    return member in {"tenant", "stage", "objects"}
