"""Type URLs, durations and addresses in Envoy's spelling."""

import hashlib

from durward.core.address import Address
from durward.core.wire import JsonLike, compact_json

Config = dict[str, JsonLike]
VERSION_CHARACTERS = 16

JWT = "envoy.filters.http.jwt_authn"
"""The filter whose name is the key of verified claims in the request's metadata."""


def typed_extension(name: str, kind: str, config: Config | None = None) -> Config:
    """A named extension with its typed configuration."""
    return {"name": name, "typed_config": message(kind, config)}


def message(kind: str, config: Config | None = None) -> Config:
    """A message for a field of any type."""
    return {"@type": f"type.googleapis.com/{kind}", **(config or {})}


def discovery(*resources: JsonLike) -> Config:
    """The content of a resource file; equal content has an equal version, and is pushed once."""
    version = hashlib.sha256(compact_json(list(resources))).hexdigest()[:VERSION_CHARACTERS]
    return {"version_info": version, "resources": list(resources)}


def seconds(count: float) -> str:
    """A duration (protobuf's JSON form)."""
    return f"{count:g}s"


def reach(address: Address) -> Config:
    """An address to connect to."""
    if address.port is None:
        return {"pipe": {"path": address.host}}
    return {"socket_address": {"address": address.host, "port_value": address.port}}


def listen(address: Address) -> Config:
    """An address to listen on; a socket has mode 0600, `[::]` includes IPv4."""
    if address.port is None:
        return {"pipe": {"path": address.host, "mode": 0o600}}
    place: Config = {"address": address.host, "port_value": address.port}
    return {"socket_address": place | ({"ipv4_compat": True} if address.host == "::" else {})}


def claim(*path: str) -> list[JsonLike]:
    """The path of a verified claim in the metadata of the JWT filter."""
    return [{"key": part} for part in ("jwt", *path)]
