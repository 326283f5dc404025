"""Ports of this machine that nobody else of us takes, though two run tests at a time.

Each process of a run has its share of the numbers, below those that the system gives to whoever
asks: a port of those may be somebody's by the time that its owner listens.
"""

import itertools
import os
import secrets

from durward.entrypoints.ports import is_free

LOOPBACKS = ("127.0.0.1", "::1")
ALONE, OF_DEMOS = range(10_000, 20_000), range(20_000, 32_000, 30)


def share(ports: range) -> range:
    """Those of this process among the processes of the run (pytest-xdist)."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])  # noqa: TID251
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))  # noqa: TID251
    return ports[number::count]


def free_port() -> int:
    """A port that is free on both loopback addresses."""
    return free(ALONE)


def free_base() -> int:
    """A base port for a demo, whose four are free."""
    return free(OF_DEMOS, offsets=(0, 10, 20, 30))


def free(ports: range, offsets: tuple[int, ...] = (0,)) -> int:
    mine = share(ports)
    while True:
        base = secrets.choice(mine)
        wanted = itertools.product((base + offset for offset in offsets), LOOPBACKS)
        if all(is_free(port, host) for port, host in wanted):
            return base
