"""Canaries: requests that must be refused, sent through the real Envoy after every change.

A configuration can be valid, loaded and still let everything pass; only a refusal proves the door.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import httpx2

from durward.core.edge.node import Address
from durward.core.edge.snapshot import Snapshot
from durward.core.errors import Unavailable

FORGED = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.eyJzdWIiOiJjYW5hcnkifQ."
"""An access token that nobody signed."""


@dataclass(frozen=True)
class Canary:
    """One request and the only status that is right for it."""

    what: str
    method: str
    path: str
    status: int
    authorization: str | None = None


async def canary(edge: Address, snapshot: Snapshot) -> str | None:
    """Send every canary; say which one was not refused as it must be.

    Raises Unavailable where the edge does not answer.
    """
    transport = httpx2.AsyncHTTPTransport(uds=edge.host if edge.is_socket else None)
    base = "http://canary" if edge.is_socket else f"http://{reachable(edge)}"
    try:
        async with httpx2.AsyncClient(
            transport=transport, base_url=base, timeout=5, trust_env=False
        ) as client:
            for bird in canaries(snapshot):
                headers = {"authorization": bird.authorization} if bird.authorization else {}
                reply = await client.request(bird.method, bird.path, headers=headers)
                # A service may answer 404 too: only a refusal of ours has a decision's id.
                if reply.status_code != bird.status or "durward-decision" not in reply.headers:
                    return f"{bird.what} ({bird.method} {bird.path}: {reply.status_code})"
    except httpx2.HTTPError as error:
        raise Unavailable(f"the edge at {edge} does not answer: {error}") from error
    return None


def canaries(snapshot: Snapshot) -> Iterator[Canary]:
    """An undeclared operation; of each API a guarded operation without and with a forged token."""
    yield Canary("an undeclared operation", "GET", "/.durward/canary", 404)
    for api in snapshot.apis:
        for operation in [found for found in api.operations if not found.public][:1]:
            path = re.sub(r"\{[^}]*\}", "canary", operation.path)
            yield Canary("a request without a token", operation.method, path, 401)
            forged = f"Bearer {FORGED}"
            yield Canary("an unsigned token", operation.method, path, 401, forged)


def reachable(address: Address) -> str:
    """Where this machine reaches a listener: one on every address is on loopback too."""
    return f"127.0.0.1:{address.port}" if address.host == "0.0.0.0" else str(address)  # noqa: S104
