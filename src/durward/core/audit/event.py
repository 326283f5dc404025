"""An audit event: a typed fact about who did what, and the exact bytes that are kept of it."""

import contextlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

import msgspec

from durward.core.errors import ErrorCode, ProtocolError
from durward.core.values import Instant
from durward.core.wire import JsonLike, sorted_json

_FRACTION = re.compile(rb"[:,\[]-?[0-9]+[.eE]")


class EventKind(StrEnum):
    """What happened."""

    DECISION = "decision"
    REFUSALS_DROPPED = "refusals dropped"
    SEARCH = "search"
    INVARIANT_UNSETTLED = "invariant unsettled"
    PERSON_ADDED = "person added"
    PERSON_CHANGED = "person changed"
    PERSON_DELETED = "person deleted"
    GROUP_ADDED = "group added"
    GROUP_CHANGED = "group changed"
    GROUP_DELETED = "group deleted"
    DECLARATION_ADDED = "declaration added"
    DECLARATION_CHANGED = "declaration changed"
    DECLARATION_REMOVED = "declaration removed"
    SNAPSHOT_PUBLISHED = "snapshot published"
    PARTS_REFUSED = "parts refused"
    NODE_JOINED = "node joined"
    NODE_LEFT = "node left"
    NODE_FORGOTTEN = "node forgotten"
    DATABASE_PUT_BACK = "database put back"
    KEY_CREATED = "key created"
    KEY_PROMOTED = "key promoted"
    KEY_RETIRED = "key retired"
    SECRET_CREATED = "secret created"  # noqa: S105 - a kind of event
    SECRET_REMOVED = "secret removed"  # noqa: S105 - a kind of event
    PASSWORD_SET = "password set"  # noqa: S105 - a kind of event
    RESET_LINK_MADE = "reset link made"
    PASSWORD_REMOVED = "password removed"  # noqa: S105 - a kind of event
    PASSWORD_REHASHED = "password rehashed"  # noqa: S105 - a kind of event
    SIGN_IN_REFUSED = "sign-in refused"
    SESSION_STARTED = "session started"
    SESSION_RENEWED = "session renewed"
    SESSION_ENDED = "session ended"
    CONSENT_GIVEN = "consent given"
    CONSENT_REFUSED = "consent refused"
    CONSENT_WITHDRAWN = "consent withdrawn"
    GRANT_CREATED = "grant created"
    GRANT_NARROWED = "grant narrowed"
    GRANT_ENDED = "grant ended"
    CODE_REPLAYED = "code replayed"
    REFRESH_ENDED = "refresh tokens ended"
    REFRESH_REUSED = "refresh token reused"
    REVOKED = "revoked"
    TOKEN_ISSUED = "token issued"  # noqa: S105 - a kind of event
    TOKEN_REFUSED = "token refused"  # noqa: S105 - a kind of event
    REQUESTS_REFUSED = "requests refused"
    AUTHORIZATION_REFUSED = "authorization refused"
    WAIVER_ENDED = "waiver ended"
    ROW_SET_ASIDE = "row set aside"
    WORK_DROPPED = "work dropped"


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One event. `id` is unique for ever; `target` is what it happened to."""

    id: str
    at: Instant
    kind: EventKind
    actor: str
    target: str
    tenant: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_wire(self) -> bytes:
        """The canonical bytes: sorted JSON. They are what is stored and hashed."""
        fields: dict[str, JsonLike] = {
            "id": self.id,
            "at": self.at,
            "kind": self.kind.value,
            "actor": self.actor,
            "target": self.target,
            "tenant": self.tenant,
            "facts": dict(self.facts),
        }
        return sorted_json(fields)

    @classmethod
    def from_wire(cls, data: bytes) -> Self:
        """Read an event. Raises ProtocolError `invalid_request`."""
        try:
            return msgspec.json.decode(data, type=cls)
        except (msgspec.DecodeError, ValueError) as error:  # ValueError: it is no UTF-8
            raise ProtocolError(
                ErrorCode.INVALID_REQUEST, "not an audit event", private=str(error)
            ) from error


def flaw(event_id: object, data: bytes) -> str | None:
    """Why bytes are not the event of that id, in the form in which events are kept; None if so.

    A kind of event that only a newer version knows is no flaw: replicas are replaced one by one.
    """
    found = _in_canonical_form(data)
    if found is None:
        return "it is not an event in its canonical form"
    return None if found.get("id") == event_id else "its event has another id"


def _in_canonical_form(data: bytes) -> dict[str, Any] | None:
    """What an object of canonical JSON says; None where it is none."""
    with contextlib.suppress(ValueError, RecursionError):
        found = msgspec.json.decode(data)
        # Both write all but fractions and numbers of many digits alike, and this one in no time.
        if _FRACTION.search(data) or msgspec.json.encode(found, order="sorted") != data:
            found = json.loads(data)
            found = found if sorted_json(found) == data else None
        return found if isinstance(found, dict) else None
    return None


@dataclass(frozen=True, slots=True)
class AuditContext:
    """Who acts in a use case, from where, and when; every store verb is told."""

    actor: str
    at: Instant
    new_id: Callable[[], str]
    """Ids for the events of this use case."""
    source: str = ""
    """The address that the request came from."""

    def by(self, actor: str) -> Self:
        """The same use case, once it is known who acts."""
        return replace(self, actor=actor)

    def event(
        self, kind: EventKind, target: str, *, tenant: str | None = None, **facts: JsonLike
    ) -> AuditEvent:
        """An event of this use case."""
        where = {"source": self.source} if self.source else {}
        told = {**facts, **where}
        return AuditEvent(self.new_id(), self.at, kind, self.actor, target, tenant, told)
