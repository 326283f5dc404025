"""`durward edge join` before it asks anybody, and where nobody answers."""

from pathlib import Path

import pytest

from durward.entrypoints.cli.app import run
from durward.entrypoints.cli.exit_code import FAILED
from durward.entrypoints.cli.status import render_status
from durward.entrypoints.edge.identity import load_id, save_id
from durward.entrypoints.folders import lock_folders


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The folder of a node that follows a control plane which is away."""
    state = tmp_path / "edge"
    state.mkdir()
    lines = ["[edge]", 'apis = "127.0.0.1:1"', f'runtime = "{tmp_path}"', f'state = "{state}"']
    lines += [f'control_plane = "{tmp_path}"', f'snapshot_key = "{tmp_path}/snapshot.jwk"']
    (tmp_path / "durward.toml").write_text("\n".join([*lines, ""]))
    save_id(state, "edge-7")
    (state / "parts.json").write_text("{}")
    return state


def join(state: Path, *more: str) -> int:
    return run(["edge", "join", "--config", str(state.parent / "durward.toml"), *more])


def test_an_id_is_not_changed_beside_an_edge_that_runs(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with lock_folders("edge", state):
        assert join(state, "--name", "other") == FAILED
    assert "is in use by `edge` (pid" in capsys.readouterr().err
    assert load_id(state) == "edge-7"


def test_what_a_node_holds_is_kept_until_it_has_an_id_anew(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert join(state, "--anew") == FAILED
    assert "the control plane does not answer" in capsys.readouterr().err
    assert load_id(state) == "edge-7"
    assert (state / "parts.json").exists()


@pytest.mark.parametrize("name", ["a/b", "", "\x1b[31mred\nedge-9  in force"])
def test_what_is_no_name_for_a_node_is_refused(
    state: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert join(state, "--name", name) == FAILED
    error = capsys.readouterr().err
    assert "is not a valid node id" in error
    assert "\x1b" not in error
    settings = state.parent / "durward.toml"
    settings.write_text(settings.read_text() + "id = 'a/b'\n")
    assert run(["edge", "--config", str(settings)]) == FAILED
    assert "`a/b` is not a valid node id" in capsys.readouterr().err


def test_an_id_on_the_disk_that_is_no_name_is_asked_for_anew(state: Path) -> None:
    save_id(state, "a\nb")
    assert load_id(state) is None


def test_what_a_node_tells_stays_in_its_line() -> None:
    red = "\x1b[31mred\nedge-9  in force"
    node = {"id": red, "standing": "behind", "version": 0, "heard_seconds_ago": 1.0}
    found = {
        "version": 3,
        "published_seconds_ago": 1.0,
        "nodes": [{**node, "lacks": [red], "troubles": [red]}],
        "unsettled": [{"person": red, "invariant": red}],
    }
    lines = render_status(found)
    assert len(lines) == 5
    assert all(line.isprintable() for line in lines)
