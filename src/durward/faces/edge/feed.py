"""The feed: signed snapshots of the control plane, verified by the key that this node pins."""

from pathlib import Path

import httpx2

from durward.core.edge.snapshot import Snapshot
from durward.core.errors import Misconfigured, ProtocolError, Unavailable
from durward.core.jose.jwk import KeySet
from durward.core.jose.jws import verify
from durward.core.wire import parse_json

SNAPSHOT_TYPE = "durward-snapshot+jwt"
MAX_SNAPSHOT_BYTES = 67_108_864
MAX_KEY_BYTES = 8_192
WAIT_SECONDS = 30.0


class Feed:
    """The control plane's side of a node."""

    def __init__(self, socket: Path, key: Path) -> None:
        """Raises Misconfigured where the pinned key cannot be read."""
        self.socket = socket
        try:
            jwk = parse_json(key.read_bytes(), limit_bytes=MAX_KEY_BYTES)
            self._keys = KeySet.parse({"keys": [jwk]})
        except (OSError, ProtocolError) as error:
            hint = "`durward serve` writes it as snapshot.jwk into its state folder"
            raise Misconfigured(str(key), "not the key of snapshots", hint=hint) from error

    async def newer(self, version: int, *, wait: bool = True) -> str | None:
        """The signed snapshot that is newer than `version`, or None after a while.

        Without `wait` the answer comes at once. Raises Unavailable.
        """
        query = {"after": version, "wait": "yes" if wait else "no"}
        transport = httpx2.AsyncHTTPTransport(uds=str(self.socket))
        try:
            async with httpx2.AsyncClient(
                transport=transport, timeout=WAIT_SECONDS, trust_env=False
            ) as client:
                reply = await client.get("http://durward/edge/v1/snapshot", params=query)
        except httpx2.HTTPError as error:
            raise Unavailable(f"the control plane does not answer: {error}") from error
        if reply.status_code == httpx2.codes.NO_CONTENT:
            return None
        if reply.status_code != httpx2.codes.OK:
            raise Unavailable(f"the control plane answers {reply.status_code}")
        return reply.text

    def read(self, signed: str) -> Snapshot:
        """What was signed. Raises Misconfigured: nothing else is ever taken."""
        try:
            verified = verify(signed, self._keys, ("Ed25519",), limit_bytes=MAX_SNAPSHOT_BYTES)
        except ProtocolError as error:
            raise Misconfigured("snapshot", f"not signed by the pinned key: {error}") from error
        if verified.header.get("typ") != SNAPSHOT_TYPE:
            raise Misconfigured("snapshot", "what was signed is not a snapshot")
        return Snapshot.from_wire(verified.payload)
