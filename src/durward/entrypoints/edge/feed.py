"""The feed: signed lists of parts of the control plane, read by the key that this node pins."""

from pathlib import Path

from durward.core.edge.parts import Listing, read_listing
from durward.core.errors import Misconfigured, ProtocolError
from durward.core.jose.jwk import KeySet, parse_public_key
from durward.core.wire import parse_json

MAX_KEY_BYTES = 8_192


class ListVerifier:
    """Whose word a node takes."""

    def __init__(self, key: Path) -> None:
        """Raises Misconfigured where the pinned key cannot be read."""
        try:
            jwk = parse_json(key.read_bytes(), limit_bytes=MAX_KEY_BYTES)
            self._keys = KeySet((parse_public_key(jwk),))
        except (OSError, ProtocolError) as error:
            hint = "`durward serve` writes it as snapshot.jwk into its state folder"
            raise Misconfigured(str(key), "not a key that verifies snapshots", hint=hint) from error

    def read(self, signed: str) -> Listing:
        """The list that was signed. Raises Misconfigured: nothing else is ever taken."""
        return read_listing(signed, self._keys)
