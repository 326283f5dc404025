"""How long `apply` holds the one writer: a policy is changed beside many operations.

Method: a control plane over SQLite in a temporary folder, in this process; APIs of 20 operations
are declared, then one policy is changed in rounds, and the median round counts. *Held* is the time
that the changes of a round spend in the writer's transaction, *whole* what the operator waits for.
*Late* is the longest that the event loop was not back for a task that sleeps for a millisecond:
who asks `serve` for something meanwhile waits so long.
"""

import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.wire import Json
from durward.settings import ServeSettings
from durward.store.database import Database
from durward.wiring import ControlPlane

ROUNDS = 5
OPERATIONS_OF_AN_API = 20
SIZES = (1_000, 20_000)


class Watched(Database):
    """A database whose writer is timed."""

    def __init__(self, inner: Database) -> None:
        self.inner = inner
        self.held = 0.0

    async def read(self, use: Callable[[Any], Any]) -> Any:
        """As the other."""
        return await self.inner.read(use)

    async def write(self, use: Callable[[Any], Any], *, apart: bool = False) -> Any:
        """As the other, and how long it took."""

        def timed(connection: Any) -> Any:
            began = time.perf_counter()
            try:
                return use(connection)
            finally:
                self.held += time.perf_counter() - began

        return await self.inner.write(timed, apart=apart)

    async def close(self) -> None:
        """As the other."""
        await self.inner.close()


SCHEMES: Json = {"securitySchemes": {"oauth": {"type": "oauth2", "flows": {}}}}


def api(number: int) -> Declaration:
    paths: dict[str, Json] = {
        f"/v1/a{number}/things{place}/{{id}}": {
            "get": {
                "operationId": f"GetThing{place}",
                "security": [{"oauth": [f"things{place % 4}:read"]}],
                "x-durward": {"resource": "thing/{id}"},
            }
        }
        for place in range(OPERATIONS_OF_AN_API)
    }
    body: dict[str, Json] = {
        "audience": f"https://a{number}.example",
        "upstream": f"127.0.0.1:{10_000 + number}",
        "openapi": {"openapi": "3.1.0", "paths": paths, "components": SCHEMES},
    }
    return Declaration(DeclarationKind.API, f"a{number}", body)


def policy(operation: int) -> Declaration:
    statement: Json = {"Effect": "Allow", "Action": f"a0:GetThing{operation}", "Resource": "*"}
    body: dict[str, Json] = {"Version": "2012-10-17", "Statement": statement}
    return Declaration(DeclarationKind.POLICY, "one", body)


async def late(found: list[float]) -> None:
    """Note how late the loop is, until cancelled."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        found.append(time.perf_counter() - began - 0.001)


async def measure(operations: int) -> dict[str, float]:
    """The median round, in seconds."""
    with tempfile.TemporaryDirectory(prefix="dw-") as folder:
        settings = ServeSettings(issuer="https://issuer.example", runtime=folder, state=folder)
        plane = await ControlPlane.open(settings)
        watched = Watched(plane.transactions.database)
        plane.transactions.database = watched
        many = [api(number) for number in range(operations // OPERATIONS_OF_AN_API)]
        began = time.perf_counter()
        await plane.administration.apply([*many, policy(0)], prune=True)
        first, first_held = time.perf_counter() - began, watched.held
        held, whole, behind = [], [], []
        for number in range(1, ROUNDS + 1):
            watched.held, lateness = 0.0, [0.0]
            watcher = asyncio.create_task(late(lateness))
            began = time.perf_counter()
            await plane.administration.apply([policy(number)], prune=False)
            whole.append(time.perf_counter() - began)
            watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watcher
            held.append(watched.held)
            behind.append(max(lateness))
        await plane.close()
    return {
        "operations": operations,
        "first": first,
        "first_held": first_held,
        "held": statistics.median(held),
        "whole": statistics.median(whole),
        "late": statistics.median(behind),
    }


def main() -> int:
    found = [asyncio.run(measure(operations)) for operations in SIZES]
    if "--json" in sys.argv:
        print(json.dumps({"runs": found}))
        return 0
    for row in found:
        print(
            f"{row['operations']:6} operations: the writer is held for {row['held'] * 1e3:7.1f} ms"
            f" of {row['whole'] * 1e3:7.1f} ms; the loop late by {row['late'] * 1e3:6.1f} ms;"
            f" all at first {row['first_held'] * 1e3:7.1f} of {row['first'] * 1e3:7.1f} ms"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
