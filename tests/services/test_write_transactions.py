"""The writer is everybody's: what takes long is read, compared or compiled before it is held."""

import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from tests.issuer import ENVOY, ISSUER, sample

from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.services import publish
from durward.services.keyring import RotationRequest
from durward.settings import ServeSettings
from durward.wiring import ControlPlane

pytestmark = pytest.mark.anyio
WHOLE = ("read_configuration", "parts_of_configuration")


async def test_who_publishes_reads_what_is_declared_before_the_writer_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seconds with 20 000 operations, in which nobody could sign in."""
    found: list[tuple[str, str]] = []

    def watch(name: str) -> None:
        original: Any = getattr(publish, name)

        def watched(*arguments: Any) -> Any:
            found.append((name, threading.current_thread().name))
            return original(*arguments)

        monkeypatch.setattr(publish, name, watched)

    for name in WHOLE:
        watch(name)
    home = str(tmp_path)
    settings = ServeSettings(issuer=ISSUER, runtime=home, state=home)
    plane = await ControlPlane.open(settings, envoy=ENVOY)
    await plane.administration.apply(sample(), prune=False)
    await plane.administration.rotate_keys(RotationRequest())
    epoch, version = await plane.administration.restored(plane.published.version)
    assert (epoch, version) == (2, plane.published.version)
    await plane.close()
    before = len(found)
    await (await ControlPlane.open(settings)).close()
    again = [name for name, _ in found[before:]]
    assert sorted(again) == sorted(WHOLE), "a start reads it once"
    assert {name for name, _ in found} == set(WHOLE)
    assert [thread for _, thread in found if thread.startswith("store-writer")] == []


async def test_an_apply_of_many_takes_no_more_statements_than_one_of_few(tmp_path: Path) -> None:
    home = str(tmp_path)
    settings = ServeSettings(issuer=ISSUER, runtime=home, state=home)
    plane = await ControlPlane.open(settings, envoy=ENVOY)
    statements: list[str] = []
    engine: Any = plane.transactions.database
    event.listen(
        engine._engine, "before_cursor_execute", lambda *told: statements.append(str(told[2]))
    )

    async def taken(*roles: Declaration, prune: bool = False) -> int:
        before = len(statements)
        await plane.administration.apply(roles, prune=prune)
        return len(statements) - before

    def roles(count: int, name: str) -> list[Declaration]:
        return [Declaration(DeclarationKind.ROLE, f"r{n}", {"name": name}) for n in range(count)]

    few = [await taken(*roles(2, "A")), await taken(*roles(2, "B")), await taken(prune=True)]
    many = [await taken(*roles(300, "A")), await taken(*roles(300, "B")), await taken(prune=True)]
    assert many == few
    listed = [body.decode() for _, body in await sequenced(plane)]
    for kind in ("added", "changed", "removed"):
        assert sum(f'"declaration {kind}"' in one for one in listed) == 302
    await plane.close()


async def sequenced(plane: ControlPlane) -> list[tuple[int, bytes]]:
    await plane.upkeep.sequence()
    return await plane.log.leaves(0, 10_000)
