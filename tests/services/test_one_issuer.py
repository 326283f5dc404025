"""A database is one issuer's, and an issuer is one that secrets can be sent to."""

from pathlib import Path

import pytest

from durward.core.errors import Misconfigured
from durward.settings import ServeSettings
from durward.wiring import ControlPlane

pytestmark = pytest.mark.anyio


async def start(folder: Path, issuer: str) -> None:
    settings = ServeSettings(issuer=issuer, runtime=str(folder), state=str(folder))
    plane = await ControlPlane.open(settings)
    await plane.close()


async def test_another_issuer_does_not_start_on_a_database(tmp_path: Path) -> None:
    await start(tmp_path, "https://id.example")
    with pytest.raises(Misconfigured, match=r"the database is that of https://id\.example"):
        await start(tmp_path, "https://other.example")
    with pytest.raises(Misconfigured, match="the database is that of"):
        await start(tmp_path, "http://localhost:1")
    await start(tmp_path, "https://id.example")


async def test_a_demo_may_move_to_another_port_of_its_machine(tmp_path: Path) -> None:
    await start(tmp_path, "http://localhost:1")
    await start(tmp_path, "http://localhost:2")
    with pytest.raises(Misconfigured, match="the database is that of http://localhost:2"):
        await start(tmp_path, "https://id.example")


async def test_an_issuer_by_http_beyond_this_machine_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="is not https"):
        await start(tmp_path, "http://id.example")
    assert [*tmp_path.iterdir()] == []
