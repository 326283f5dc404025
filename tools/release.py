"""`./check release VERSION`: from a tree that passes everything to a tag and what is published.

Nothing leaves this machine. It makes two commits (the release, and the version after it), an
annotated tag, and `dist/` with the wheel, the sources and their checksums. The wheel's bytes depend
on the tree alone, so that anybody can make it again from the tag and compare.
"""

import hashlib
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSION = ROOT / "src/durward/__init__.py"
CHANGELOG = ROOT / "CHANGELOG.md"
NUMBER = re.compile(r"(\d+)\.(\d+)\.(\d+)((?:a|b|rc)\d+)?\Z")  # PEP 440, without the rest


def main(args: list[str]) -> int:
    """Release; 2 where it must not be."""
    checked = "--checked" in args
    numbers = [arg for arg in args if arg != "--checked"]
    if len(numbers) != 1 or not NUMBER.match(numbers[0]):
        print("usage: ./check release VERSION [--checked]; VERSION is like 0.1.0 or 0.2.0rc1")
        return 2
    version = numbers[0]
    if wrong := problem(version):
        print(f"error: {wrong}", file=sys.stderr)
        return 2
    if not checked and subprocess.run([ROOT / "check", "long"], check=False).returncode:
        print("error: nothing is released that does not pass `./check long`", file=sys.stderr)
        return 1
    write_version(version)
    today = datetime.now(UTC).date().isoformat()  # noqa: TID251 - no product code
    CHANGELOG.write_text(dated(CHANGELOG.read_text(), version, today))
    git("commit", "--quiet", "--all", "--message", f"release: Durward {version}.")
    git("tag", "--annotate", f"v{version}", "--message", f"Durward {version}")
    build()
    write_version(following(version))
    if version == final(version):
        CHANGELOG.write_text(opened(CHANGELOG.read_text(), following(version)))
    git("commit", "--quiet", "--all", "--message", f"release: Begin {following(version)}.")
    print(f"v{version} is tagged, dist/ is built. What is left, by somebody who may:")
    print(f"  git push --follow-tags && uv publish dist/durward-{version}*")
    return 0


def problem(version: str) -> str:
    """Why this must not be released; empty where it may."""
    if git("status", "--porcelain"):
        return "the tree has changes that are not committed"
    if git("tag", "--list", f"v{version}"):
        return f"v{version} is tagged: a version is given once"
    if heading(version) not in CHANGELOG.read_text().splitlines():
        return f"CHANGELOG.md has no line `{heading(version)}`"
    return ""


def heading(version: str) -> str:
    """The heading of what is not released yet; release candidates share the final one's."""
    return f"## {final(version)} (unreleased)"


def final(version: str) -> str:
    """The version that a release candidate is one of."""
    return NUMBER.sub(r"\1.\2.\3", version)


def dated(changelog: str, version: str, day: str) -> str:
    """The changelog with its date; a release candidate leaves it open."""
    if version != final(version):
        return changelog
    return changelog.replace(heading(version), f"## {version} ({day})")


def opened(changelog: str, version: str) -> str:
    """The changelog with room for the next version, above the others."""
    first = changelog.index("\n## ")
    return f"{changelog[:first]}\n{heading(version.removesuffix('.dev0'))}\n{changelog[first:]}"


def following(version: str) -> str:
    """What the tree is called after a release."""
    found = NUMBER.match(version)
    assert found is not None  # noqa: S101 - it was checked
    major, minor, patch, candidate = found.groups()
    return f"{major}.{minor}.{patch}.dev0" if candidate else f"{major}.{int(minor) + 1}.0.dev0"


def write_version(version: str) -> None:
    """Write the one place that names it."""
    text = VERSION.read_text()
    VERSION.write_text(re.sub(r'__version__ = "[^"]*"', f'__version__ = "{version}"', text))


def build() -> None:
    """Build into an empty `dist/`, with the time of the commit (reproducible-builds.org)."""
    folder = ROOT / "dist"
    for old in folder.glob("*"):
        old.unlink()
    epoch = git("log", "-1", "--format=%ct")
    environment = {**os.environ, "SOURCE_DATE_EPOCH": epoch}  # noqa: TID251 - read by hatchling
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    sums = [
        f"{hashlib.sha256(built.read_bytes()).hexdigest()}  {built.name}\n"
        for built in sorted(folder.iterdir())
    ]
    (folder / "SHA256SUMS").write_text("".join(sums))


def git(*arguments: str) -> str:
    """Run git in the project; what it prints."""
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
