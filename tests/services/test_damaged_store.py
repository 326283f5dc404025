"""A store or a key that is spoiled is told at start, and nothing is made in its place."""

from collections.abc import Callable
from pathlib import Path

import pytest

from durward.core.errors import Misconfigured, Unavailable
from durward.settings import ServeSettings
from durward.wiring import ControlPlane

ISSUER = "https://issuer.example"
NO_UTF8 = b'{"\xff\xfe": "\x80'


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:16])


def other(path: Path) -> None:
    path.write_bytes(bytes(32))


def no_database(path: Path) -> None:
    path.write_bytes(NO_UTF8 * 1_000)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "spoil", "told"),
    [
        ("durward.key", Path.unlink, "the key file cannot be read"),
        ("durward.key", half, "32 bytes, and this one 16"),
        ("durward.key", other, "not the key file under which"),
        ("durward.db", no_database, "file is not a database"),
    ],
)
async def test_serve_says_what_is_spoiled_and_makes_nothing_in_its_place(
    tmp_path: Path, name: str, spoil: Callable[[Path], None], told: str
) -> None:
    settings = ServeSettings(issuer=ISSUER, runtime=str(tmp_path), state=str(tmp_path))
    await (await ControlPlane.open(settings)).close()
    spoil(tmp_path / name)
    left = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises((Misconfigured, Unavailable), match=told) as caught:
        await ControlPlane.open(settings)
    assert getattr(caught.value, "hint", "")
    found = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {name: found[name] for name in left} == left
    assert (name in found) == (name in left)


@pytest.mark.anyio
async def test_a_public_key_that_cannot_be_written_is_told_and_the_former_is_whole(
    tmp_path: Path,
) -> None:
    settings = ServeSettings(issuer=ISSUER, runtime=str(tmp_path), state=str(tmp_path))
    await (await ControlPlane.open(settings)).close()
    before = (tmp_path / "snapshot.jwk").read_bytes()
    (tmp_path / "snapshot.new").symlink_to("/dev/full")
    with pytest.raises(Unavailable, match="No space left") as caught:
        await ControlPlane.open(settings)
    assert caught.value.hint
    assert (tmp_path / "snapshot.jwk").read_bytes() == before


@pytest.mark.anyio
@pytest.mark.parametrize("is_there", [True, False])
async def test_a_file_that_is_replaced_while_it_is_open_is_not_written_any_more(
    tmp_path: Path, *, is_there: bool
) -> None:
    """What is written then is lost when the process ends: better nothing is, and it is told."""
    settings = ServeSettings(issuer=ISSUER, runtime=str(tmp_path), state=str(tmp_path))
    plane = await ControlPlane.open(settings)
    try:
        await plane.publication.check()
        path = tmp_path / "durward.db"
        kept = path.rename(tmp_path / "former.db")
        if is_there:
            path.write_bytes(kept.read_bytes())
        told = "another file" if is_there else "No such file"
        for use in (plane.publication.check(), plane.administration.restored(0)):
            with pytest.raises(Unavailable, match=told) as caught:
                await use
            assert not caught.value.unsettled
        kept.rename(path)
        await plane.publication.check()
    finally:
        await plane.close()
