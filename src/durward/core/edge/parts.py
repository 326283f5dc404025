"""The published form of a snapshot: a signed list of parts, each named by its hash (ADR 21).

A part that this version does not understand could not restrict anything here, so it never comes
into force: with an unknown format or need it closes its subject, with an unknown member it is
refused.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Self, TypeAlias

import msgspec

from durward.core.api import Api
from durward.core.edge.snapshot import Snapshot
from durward.core.errors import Misconfigured, ProtocolError
from durward.core.jose.jwk import KeySet
from durward.core.jose.jws import verify
from durward.core.openapi.router import has_mixed
from durward.core.policy.engine.bundle import Bundle
from durward.core.sizes import LIST_BYTES, PUBLISHED_BYTES

FORMAT: Final = 1
TENANT_GUARDRAILS: Final = "tenant-guardrails"
TOKEN_POLICIES: Final = "token-policies"  # noqa: S105 - a capability's name
"""Attach the policies that tokens name, and refuse tokens from before they did (ADR 24)."""
PLACES: Final = "places"
"""Serve an API at its hosts alone, by the prefix of its paths, and with mixed segments (ADR 26)."""
UPSTREAMS: Final = "upstreams"
"""Reach a service as its API declares it: TLS, HTTP/2, several addresses, health, time-outs."""
CORS: Final = "cors"
"""Answer preflights, and replace what services say about other origins."""
CAPABILITIES: frozenset[str] = frozenset(
    {TENANT_GUARDRAILS, TOKEN_POLICIES, PLACES, UPSTREAMS, CORS}
)
"""The capabilities of this version beyond the format, by the names in a part's `needs`."""

LIST_TYPE: Final = "durward-parts+jwt"
KEYS: Final = "keys"
ISSUERS: Final = "issuers"
POLICIES: Final = "policies"
API_PREFIX: Final = "api/"


class Listing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The signed list: the parts, and the database that published them.

    The version grows within one database. The epoch grows when that database was restored to an
    earlier state: later publications are beyond all earlier ones.
    """

    version: int
    database: str
    epoch: int
    parts: dict[str, str]
    """The hash of each part, by its name."""

    def to_wire(self) -> bytes:
        """The list as JSON, the same for the same content."""
        return msgspec.json.encode(self, order="deterministic")

    @classmethod
    def from_wire(cls, data: bytes) -> Self:
        """Read a list. Raises Misconfigured."""
        try:
            return msgspec.json.decode(data, type=cls)
        except msgspec.DecodeError as error:
            raise Misconfigured("snapshot", f"not a list of parts: {error}") from error


def read_listing(signed: str, keys: KeySet) -> Listing:
    """The list in a compact JWS signed by one of the keys. Raises Misconfigured."""
    try:
        verified = verify(signed, keys, ("Ed25519",), limit_bytes=LIST_BYTES)
    except ProtocolError as error:
        problem = f"not signed by the pinned key: {error.private or error.public}"
        raise Misconfigured("snapshot", problem) from error
    if verified.header.get("typ") != LIST_TYPE:
        raise Misconfigured("snapshot", "what was signed is not a list of parts")
    return Listing.from_wire(verified.payload)


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The members of every part, which are read first."""

    format: int
    needs: tuple[str, ...] = ()


class KeysPart(Head, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The public keys of access tokens (RFC 7517)."""

    keys: tuple[dict[str, str], ...]


class IssuersPart(Head, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The issuers whose tokens are accepted."""

    own: str


class PoliciesPart(Head, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Documents with their attachments, and the time since which tokens name people's own.

    They are one part, so that neither is in force without the other.
    """

    policies: Bundle
    tokens_since: int = 0


class ApiPart(Head, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One API."""

    api: Api


Content: TypeAlias = KeysPart | IssuersPart | PoliciesPart | ApiPart


@dataclass(frozen=True)
class Part:
    """A part of a node; without content it is closed, for the reason `closed`."""

    name: str
    data: bytes = field(repr=False)
    content: Content | None = field(repr=False)
    closed: str = ""

    @cached_property
    def digest(self) -> str:
        """The hash of its content."""
        return digest_of(self.data)


def digest_of(data: bytes) -> str:
    """The hash of a content: SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def read_part(name: str, data: bytes) -> Part:
    """Read a part without unknown members. Raises Misconfigured."""
    kind = type_of(name)
    if len(data) > PUBLISHED_BYTES:
        raise Misconfigured(name, f"larger than {PUBLISHED_BYTES} bytes")
    try:
        head = msgspec.json.decode(data, type=Head)
        if closed := beyond_us(head):
            return Part(name, data, None, closed)
        content = msgspec.json.decode(data, type=kind)
        told = msgspec.json.decode(data)
    except (msgspec.DecodeError, ValueError) as error:  # a value that its type refuses
        raise Misconfigured(name, f"cannot be read: {error}") from error
    if unknown := unknown_member(told, msgspec.to_builtins(content)):
        raise Misconfigured(name, f"`{unknown}` is not known here")
    if isinstance(content, ApiPart) and name != API_PREFIX + content.api.id:
        raise Misconfigured(name, f"it is the part of `{content.api.id}`")
    return Part(name, data, content)


def type_of(name: str) -> type[Content]:
    """The type of the content of a part, by its name. Raises Misconfigured."""
    if name.startswith(API_PREFIX):
        return ApiPart
    kinds: dict[str, type[Content]] = {
        KEYS: KeysPart,
        ISSUERS: IssuersPart,
        POLICIES: PoliciesPart,
    }
    if name not in kinds:
        raise Misconfigured(name, "no part that is known here")
    return kinds[name]


def beyond_us(head: Head) -> str:
    """Why this version cannot enforce a part; empty if it can."""
    if head.format != FORMAT:
        return f"its format is {head.format}, and this node knows {FORMAT}"
    lacking = sorted(set(head.needs) - CAPABILITIES)
    return f"it needs what this node has not: {', '.join(lacking)}" if lacking else ""


def unknown_member(told: Any, known: Any, place: str = "") -> str:
    """The first unknown member of a part; `known` may have more members, by defaults."""
    if isinstance(told, dict) and isinstance(known, dict):
        for name, value in told.items():
            if name not in known:
                return f"{place}/{name}"
            if found := unknown_member(value, known[name], f"{place}/{name}"):
                return found
    elif isinstance(told, list) and isinstance(known, list | tuple):
        for index, (one, other) in enumerate(zip(told, known, strict=True)):
            if found := unknown_member(one, other, f"{place}/{index}"):
                return found
    return ""


def split(snapshot: Snapshot) -> dict[str, bytes]:
    """The parts of a snapshot, by name; equal content has equal bytes."""
    return {
        **parts_of_issuer(snapshot.issuer, snapshot.keys),
        **parts_of_configuration(snapshot.apis, snapshot.policies, snapshot.tokens_since),
    }


def parts_of_issuer(issuer: str, keys: Iterable[Mapping[str, str]]) -> dict[str, bytes]:
    """The parts for the issuers whose tokens are accepted, and for their keys."""
    return {
        KEYS: encoded(KeysPart(format=FORMAT, keys=tuple(dict(key) for key in keys))),
        ISSUERS: encoded(IssuersPart(format=FORMAT, own=issuer)),
    }


def parts_of_configuration(
    apis: Iterable[Api], policies: Bundle, tokens_since: int = 0
) -> dict[str, bytes]:
    """The parts of the declarations, up to megabytes."""
    return {
        POLICIES: part_of_policies(policies, tokens_since),
        **{API_PREFIX + api.id: encoded(part_of_api(api)) for api in apis},
    }


def part_of_api(api: Api) -> ApiPart:
    """The part of an API, with the capabilities without which it would be served wrongly."""
    is_mixed = any(has_mixed(operation.path) for operation in api.operations)
    elsewhere = api.hosts or api.prefix != api.base_path or is_mixed
    needs = (UPSTREAMS, *((PLACES,) if elsewhere else ()), *((CORS,) if api.cors else ()))
    return ApiPart(format=FORMAT, needs=needs, api=api)


def part_of_policies(policies: Bundle, tokens_since: int = 0) -> bytes:
    """The policies part; a decision record names it by its hash.

    It has no people in it, and so not their boundaries: a version that does not read these from
    tokens must not enforce it.
    """
    needs = (TENANT_GUARDRAILS, TOKEN_POLICIES) if policies.tenant_guardrails else (TOKEN_POLICIES,)
    return encoded(
        PoliciesPart(format=FORMAT, needs=needs, policies=policies, tokens_since=tokens_since)
    )


def policies_that_decide(snapshot: Snapshot) -> bytes:
    """The policies part by which a node decides, for the node's state."""
    return part_of_policies(snapshot.policies, snapshot.tokens_since)


def encoded(part: Content) -> bytes:
    """The bytes of a part, the same for the same content."""
    return msgspec.json.encode(part, order="deterministic")


def assemble(version: int, parts: Iterable[Part]) -> Snapshot:
    """The snapshot of parts: a missing or closed part allows nothing.

    Without an issuer there is no key either, since a token needs a known issuer.
    """
    held: Mapping[str, Part] = {part.name: part for part in parts}
    contents = {name: part.content for name, part in held.items()}
    issuers, keys, policies = (contents.get(name) for name in (ISSUERS, KEYS, POLICIES))
    issuer = issuers.own if isinstance(issuers, IssuersPart) else ""
    return Snapshot(
        version=version,
        issuer=issuer,
        keys=keys.keys if isinstance(keys, KeysPart) and issuer else (),
        apis=tuple(
            content.api for _, content in sorted(contents.items()) if isinstance(content, ApiPart)
        ),
        policies=policies.policies if isinstance(policies, PoliciesPart) else Bundle(),
        tokens_since=policies.tokens_since if isinstance(policies, PoliciesPart) else 0,
    )
