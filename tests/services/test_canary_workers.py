"""Canaries reach every worker of Envoy: here the test plays a server of several workers."""

import asyncio
import random  # noqa: TID251 - as the kernel spreads connections
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from durward.core.address import Address
from durward.core.edge.envoy.local_replies import REVOKED
from durward.core.edge.envoy.revocation_maps import FILTERS
from durward.entrypoints.edge.canary import (
    MISSED,
    Door,
    OwnRefusals,
    connections_for,
    revoked_canary,
)

pytestmark = pytest.mark.anyio
DOOR = Door("https://a.example", "GET", "/a", "a.example")
TOKENS = dict.fromkeys(FILTERS, "t")


@dataclass
class Workers:
    """Workers that accept connections at random; some do not refuse yet what is revoked."""

    number: int
    behind: set[int] = field(default_factory=set)
    strangers: int = 0
    """How many clients connect between two counts."""
    port: int = 0
    accepted: dict[str, int] = field(default_factory=dict)
    answers: int = 0

    async def counts(self) -> Mapping[str, int]:
        for _ in range(self.strangers):
            self.accepted[str(random.randrange(self.number))] += 1  # noqa: S311  # noqa: S311
        return dict(self.accepted)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        worker = random.randrange(self.number)  # noqa: S311
        self.accepted[str(worker)] += 1
        while await reader.readline():
            while (await reader.readline()).strip():
                pass
            self.answers += 1
            status = "200 OK" if worker in self.behind else "401 Unauthorized"
            head = f"HTTP/1.1 {status}\r\ndurward-decision: d_{self.answers}\r\n"
            writer.write(f"{head}content-length: {len(REVOKED)}\r\n\r\n{REVOKED}".encode())
        writer.close()

    async def canary(self) -> str | None:
        edge = Address("127.0.0.1", self.port)
        return await revoked_canary(edge, OwnRefusals(), self.counts, DOOR, TOKENS)


@asynccontextmanager
async def running(workers: Workers) -> AsyncIterator[Workers]:
    workers.accepted = {str(number): 0 for number in range(workers.number)}
    server = await asyncio.start_server(workers.serve, "127.0.0.1", 0)
    workers.port = server.sockets[0].getsockname()[1]
    try:
        yield workers
    finally:
        server.close()


@pytest.mark.parametrize("strangers", [0, 1])
@pytest.mark.parametrize("number", [1, 2, 5])
async def test_a_worker_that_does_not_refuse_yet_is_found(number: int, strangers: int) -> None:
    for _ in range(5):
        async with running(Workers(number, {number - 1}, strangers)) as workers:
            told = await workers.canary()
            assert told is not None
            assert told.endswith("(GET /a: 200)")


async def test_as_few_connections_are_made_as_reach_each_worker() -> None:
    for number in (1, 2, 5):
        async with running(Workers(number)) as workers:
            assert await workers.canary() is None
            assert all(workers.accepted.values())
    async with running(Workers(1)) as workers:
        await workers.canary()
        assert workers.answers == len(FILTERS)
    async with running(Workers(2, strangers=1)) as workers:
        assert await workers.canary() is None
        assert workers.answers >= len(FILTERS) * connections_for(2), "the counts say nothing"


def test_as_many_are_enough_as_leave_out_no_worker_by_chance() -> None:
    assert connections_for(0) == connections_for(1) == 1
    for number in (2, 4, 64):
        many = connections_for(number)
        assert number * (1 - 1 / number) ** many <= MISSED < number * (1 - 1 / number) ** (many - 1)
