"""The feed takes what the pinned key signed as a list of parts, and nothing else."""

import json
from pathlib import Path

import pytest

from durward.core.edge.parts import LIST_TYPE, Listing
from durward.core.errors import Misconfigured
from durward.core.wire import encode_base64url
from durward.entrypoints.edge.feed import ListVerifier
from durward.keys.signing import Signer, generate

OURS, FOREIGN = generate("Ed25519"), generate("Ed25519")
WIRE = Listing(3, "db_1", 1, {"keys": "0" * 64}).to_wire()


@pytest.fixture
def feed(tmp_path: Path) -> ListVerifier:
    key = tmp_path / "snapshot.jwk"
    key.write_text(json.dumps(OURS.public_jwk))
    return ListVerifier(key)


def signed(by: Signer = OURS, typ: str = LIST_TYPE, kid: str = OURS.kid) -> str:
    return by.jws(typ, WIRE, kid)


def test_what_the_pinned_key_signed_is_taken(feed: ListVerifier) -> None:
    assert feed.read(signed()) == Listing.from_wire(WIRE)


HEAD, BODY, SIGNATURE = signed().split(".")
OTHER = encode_base64url(WIRE.replace(b'"version":3', b'"version":4'))
NONE = encode_base64url(b'{"alg":"none","typ":"durward-parts+jwt"}')


@pytest.mark.parametrize(
    "forged",
    [
        signed(FOREIGN),
        signed(FOREIGN, kid=FOREIGN.kid),
        signed(typ="JWT"),
        signed(typ="at+jwt"),
        f"{HEAD}.{OTHER}.{SIGNATURE}",
        f"{HEAD}.{BODY}.",
        f"{HEAD}.{BODY}",
        f"{NONE}.{BODY}.",
        WIRE.decode(),
        "",
        OURS.jws(LIST_TYPE, b"{}", OURS.kid),
    ],
)
def test_a_list_that_is_forged_or_foreign_is_not_taken(feed: ListVerifier, forged: str) -> None:
    with pytest.raises(Misconfigured):
        feed.read(forged)


@pytest.mark.parametrize("key", ["", "{}", '{"kty":"oct","k":"c2VjcmV0"}'])
def test_without_a_key_nothing_is_followed(tmp_path: Path, key: str) -> None:
    path = tmp_path / "snapshot.jwk"
    path.write_text(key)
    with pytest.raises(Misconfigured, match="not a key that verifies snapshots"):
        ListVerifier(path)
