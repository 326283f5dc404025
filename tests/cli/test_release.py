"""A release: made by anybody, from a clean tree, and twice the same."""

import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WHO = {
    f"GIT_{role}_{what}": "a@b" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The tree as it is, committed."""
    place = tmp_path / "durward"
    git(tmp_path, "init", "--quiet", str(place))
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    git(place, "add", "--all")
    git(place, "commit", "--quiet", "--message", "x")
    return place


def git(place: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    environment = {**os.environ, **WHO}  # noqa: TID251
    done = subprocess.run(
        command, cwd=place, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def release(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "tools/release.py", *arguments]
    environment = {**os.environ, **WHO}  # noqa: TID251
    return subprocess.run(
        command, cwd=place, env=environment, check=False, capture_output=True, text=True
    )


def test_a_release_is_tagged_once_and_can_be_made_again(clone: Path) -> None:
    done = release(clone, "0.1.0", "--checked")
    assert done.returncode == 0, done.stderr
    assert git(clone, "describe", "HEAD^") == "v0.1.0"
    assert "(unreleased)" not in git(clone, "show", "v0.1.0:CHANGELOG.md")
    assert git(clone, "show", "HEAD:CHANGELOG.md").count("## 0.2.0 (unreleased)") == 1
    sums = (clone / "dist/SHA256SUMS").read_text()
    assert "durward-0.1.0-py3-none-any.whl" in sums
    assert git(clone, "status", "--porcelain") == ""

    again = release(clone, "0.1.0", "--checked")
    assert (again.returncode, "given once" in again.stderr) == (2, True)
    git(clone, "checkout", "--quiet", "v0.1.0")
    git(clone, "tag", "--delete", "v0.1.0")
    epoch = git(clone, "log", "-1", "--format=%ct")
    command = [sys.executable, "-m", "hatchling", "build", "-d", "again"]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": epoch}  # noqa: TID251
    subprocess.run(command, cwd=clone, env=environment, check=True, capture_output=True)
    for line in sums.splitlines():
        digest, name = line.split()
        assert sha256((clone / "again" / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("arguments", [(), ("1",), ("0.1.0", "0.2.0"), ("v0.1.0",)])
def test_what_is_no_version_is_not_released(arguments: tuple[str, ...]) -> None:
    assert release(ROOT, *arguments, "--checked").returncode == 2


def test_a_tree_that_is_not_committed_is_not_released(clone: Path) -> None:
    (clone / "more.py").write_text("")
    done = release(clone, "0.1.0", "--checked")
    assert (done.returncode, "not committed" in done.stderr) == (2, True)
    assert git(clone, "tag") == ""
