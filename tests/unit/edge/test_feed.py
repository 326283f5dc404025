"""The feed takes what the pinned key signed as a snapshot, and nothing else."""

import json
from pathlib import Path

import pytest

from durward.core.edge.snapshot import Snapshot
from durward.core.errors import Misconfigured
from durward.core.wire import encode_base64url
from durward.faces.edge.feed import SNAPSHOT_TYPE, Feed
from durward.keys.signing import Signer, generate

OURS, FOREIGN = generate("Ed25519"), generate("Ed25519")
WIRE = Snapshot(3, "http://issuer", (), ()).to_wire()


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    key = tmp_path / "snapshot.jwk"
    key.write_text(json.dumps(OURS.public_jwk))
    return Feed(tmp_path / "control.sock", key)


def signed(by: Signer = OURS, typ: str = SNAPSHOT_TYPE, kid: str = OURS.kid) -> str:
    return by.jws(typ, WIRE, kid)


def test_what_the_pinned_key_signed_is_taken(feed: Feed) -> None:
    assert feed.read(signed()) == Snapshot.from_wire(WIRE)


HEAD, BODY, SIGNATURE = signed().split(".")
OTHER = encode_base64url(WIRE.replace(b'"version":3', b'"version":4'))
NONE = encode_base64url(b'{"alg":"none","typ":"durward-snapshot+jwt"}')


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
        OURS.jws(SNAPSHOT_TYPE, b"{}", OURS.kid),
    ],
)
def test_a_snapshot_that_is_forged_or_foreign_is_not_taken(feed: Feed, forged: str) -> None:
    with pytest.raises(Misconfigured):
        feed.read(forged)


@pytest.mark.parametrize("key", ["", "{}", '{"kty":"oct","k":"c2VjcmV0"}'])
def test_without_a_key_nothing_is_followed(tmp_path: Path, key: str) -> None:
    path = tmp_path / "snapshot.jwk"
    path.write_text(key)
    with pytest.raises(Misconfigured, match="not the key of snapshots"):
        Feed(tmp_path / "control.sock", path)
