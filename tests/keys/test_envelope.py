"""Secrets at rest: sealed under a key file that only its owner can read."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from durward.core.errors import Misconfigured, Unavailable
from durward.keys.envelope import KeyFile


def test_a_secret_opens_with_its_key_and_in_its_place_only(tmp_path: Path) -> None:
    key = KeyFile.open(tmp_path / "key")
    sealed = key.seal(b"secret", "signing_keys/1")
    assert b"secret" not in sealed
    assert key.unseal(sealed, "signing_keys/1") == b"secret"
    assert KeyFile.open(tmp_path / "key").unseal(sealed, "signing_keys/1") == b"secret"
    with pytest.raises(Unavailable):
        key.unseal(sealed, "signing_keys/2")
    with pytest.raises(Unavailable):
        KeyFile.open(tmp_path / "other").unseal(sealed, "signing_keys/1")


@pytest.mark.parametrize("spoiled", [b"", b"\x01", b"\x02" + bytes(100), b"\x01" + bytes(100)])
def test_what_was_not_sealed_does_not_open(tmp_path: Path, spoiled: bytes) -> None:
    with pytest.raises(Unavailable):
        KeyFile.open(tmp_path / "key").unseal(spoiled, "x")


def test_a_derived_key_is_for_one_purpose_and_the_same_each_time(tmp_path: Path) -> None:
    key = KeyFile.open(tmp_path / "key")
    derived = key.derive("attempts")
    assert len(derived) == 32
    assert KeyFile.open(tmp_path / "key").derive("attempts") == derived
    assert derived not in {
        key.derive("other"),
        KeyFile.open(tmp_path / "other").derive("attempts"),
        (tmp_path / "key").read_bytes(),
    }


def test_the_same_secret_is_never_sealed_alike(tmp_path: Path) -> None:
    key = KeyFile.open(tmp_path / "key")
    assert key.seal(b"secret", "x") != key.seal(b"secret", "x")


def test_the_key_file_is_its_owners_alone_and_never_printed(tmp_path: Path) -> None:
    key = KeyFile.open(tmp_path / "key")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert repr(key) == "KeyFile(•••)"
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(Misconfigured) as caught:
        KeyFile.open(tmp_path / "key")
    assert "chmod 600" in caught.value.hint


def test_a_key_file_of_another_size_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").touch(0o600)
    with pytest.raises(Misconfigured):
        KeyFile.open(tmp_path / "key")


def test_of_two_processes_that_make_the_key_file_both_use_the_same(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from durward.keys.envelope import KeyFile;"
        "key = KeyFile.open(Path(sys.argv[1]));"
        "sys.stdout.write(key.seal(b'x', 'y').hex())"
    )
    path = tmp_path / "key"
    command = [sys.executable, "-c", program, str(path)]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    sealed = [bytes.fromhex(worker.communicate(timeout=30)[0]) for worker in workers]
    key = KeyFile.open(path)
    assert [key.unseal(each, "y") for each in sealed] == [b"x"] * 4
