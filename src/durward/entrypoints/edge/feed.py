"""Verify signed lists of parts of the control plane, by the pinned key of this node."""

from pathlib import Path

from durward.core.edge.parts import Listing, read_listing
from durward.core.errors import Misconfigured, ProtocolError
from durward.core.jose.jwk import KeySet, parse_public_key
from durward.core.wire import parse_json

MAX_KEY_BYTES = 8_192


class ListVerifier:
    """Verifies lists by the pinned key."""

    def __init__(self, key: Path) -> None:
        """Read the pinned key. Raises Misconfigured."""
        try:
            jwk = parse_json(key.read_bytes(), limit_bytes=MAX_KEY_BYTES)
            self._keys = KeySet((parse_public_key(jwk),))
        except (OSError, ProtocolError) as error:
            hint = "`durward serve` writes it as snapshot.jwk into its state folder"
            raise Misconfigured(str(key), "not a key that verifies snapshots", hint=hint) from error

    def read(self, signed: str) -> Listing:
        """The signed list. Raises Misconfigured if the pinned key did not sign it."""
        return read_listing(signed, self._keys)
