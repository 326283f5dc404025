"""Canaries: requests that must be refused, sent through the real Envoy after every change.

A configuration can be valid, loaded and still let everything pass; only a refusal proves the door.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import httpx2

from durward.core.address import Address
from durward.core.edge.envoy.replies import REVOKED
from durward.core.edge.envoy.routes import undeclared_status
from durward.core.edge.snapshot import Snapshot
from durward.core.errors import Unavailable
from durward.core.openapi.operations import Operation

FORGED = f"eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiJjYW5hcnkifQ.{'A' * 86}"
"""An access token that nobody signed, and that has the form of one."""


@dataclass(frozen=True)
class Canary:
    """One request and the only status that is right for it."""

    what: str
    method: str
    path: str
    status: int
    token: str | None = None
    title: str = ""


async def canary(edge: Address, snapshot: Snapshot) -> str | None:
    """Send every canary; say which one was not refused as it must be.

    Raises Unavailable where the edge does not answer.
    """
    return await _send(edge, canaries(snapshot))


async def revoked_canary(
    edge: Address, snapshot: Snapshot, tokens: Mapping[str, str]
) -> str | None:
    """Send tokens that are good but for being revoked; say which one was not refused for that.

    Raises Unavailable where the edge does not answer.
    """
    api = next(iter(snapshot.apis), None)
    guarded = [found for found in api.operations if not found.public] if api else []
    return await _send(
        edge,
        [
            Canary(f"a token for `{name}`", found.method, filled(found), 401, token, REVOKED)
            for name, token in tokens.items()
            for found in guarded[:1]
        ],
    )


async def _send(edge: Address, birds: Iterable[Canary]) -> str | None:
    transport = httpx2.AsyncHTTPTransport(uds=edge.host if edge.is_socket else None, verify=False)
    base = "http://canary" if edge.is_socket else f"http://{reachable(edge)}"
    try:
        async with httpx2.AsyncClient(
            transport=transport, base_url=base, timeout=5, trust_env=False
        ) as client:
            for bird in birds:
                headers = {"authorization": f"Bearer {bird.token}"} if bird.token else {}
                reply = await client.request(bird.method, bird.path, headers=headers)
                # A service may answer 404 too: only a refusal of ours has a decision's id.
                ours = "durward-decision" in reply.headers
                if reply.status_code != bird.status or not ours or bird.title not in reply.text:
                    return f"{bird.what} ({bird.method} {bird.path}: {reply.status_code})"
    except httpx2.HTTPError as error:
        raise Unavailable(f"the edge at {edge} does not answer: {error}") from error
    return None


def canaries(snapshot: Snapshot) -> Iterator[Canary]:
    """An undeclared operation; of each API a guarded operation without and with a forged token."""
    undeclared = undeclared_status(snapshot)
    yield Canary("an undeclared operation", "GET", "/.durward/canary", undeclared)
    for api in snapshot.apis:
        for operation in [found for found in api.operations if not found.public][:1]:
            path = filled(operation)
            yield Canary("a request without a token", operation.method, path, 401)
            yield Canary("an unsigned token", operation.method, path, 401, FORGED)


def filled(operation: Operation) -> str:
    """A path of the operation."""
    return re.sub(r"\{[^}]*\}", "canary", operation.path)


def reachable(address: Address) -> str:
    """Where this machine reaches a listener: one on every address is on loopback too."""
    loopback = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
    return str(Address(loopback.get(address.host, address.host), address.port))
