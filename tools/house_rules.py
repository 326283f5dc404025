"""Rules of the house that no linter knows, each with its reason."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEXT = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".html", ".css", ".sh", ""}
VAGUE = {"utils", "helpers", "manager", "base", "common", "data", "misc"}
# Lock files hold names, versions and hashes only; no page names where a package came from.
DOWNLOAD = re.compile(r"https?://[^ \"')]+[.](?:whl|tar[.]gz|tgz|deb)\b")
LINE = re.compile(
    r"[a-z0-9][a-z0-9._-]*==[^ ]+(?: ;[^\\]+)? \\|    --hash=sha256:[0-9a-f]{64}(?: \\)?"
)


# Words that went, and what is written now: the glossary is in docs/architecture.md.
WORDS = {
    r"`evaluates`|\bevaluates: \[": "authzen_apis",
    r"truth values?\b": "boolean",
    r"\bUndecided\b": "Unknown",
    r"\b[Ee]states?\b": "configuration",
    r"\bdurward[./]faces\b": "entrypoints",
    r"\bTrails?\b": "AuditContext",
    r"\btake_back\b": "deprovision",
    r"\bput_aside\b": "rotated",
    r"\bAtHome\b": "LocalSignIn",
    r"policy[./]solver\b": "symbolic",
}
HISTORY = {"CHANGELOG.md"}


def main() -> int:
    """Print every broken rule with its place."""
    broken = [*names(), *words(), *addresses(), *locks()]
    for line in broken:
        print(line)
    return 1 if broken else 0


def tracked() -> Iterator[Path]:
    """The files that git tracks or would."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    for name in listing.stdout.splitlines():
        if (path := ROOT / name).is_file():
            yield path


def names() -> Iterator[str]:
    """A module is named after its one subject."""
    for path in tracked():
        if path.suffix == ".py" and path.stem.strip("_") in VAGUE:
            yield f"{path.relative_to(ROOT)}: a module is named after its subject"
        if path.name == "uv.lock":
            yield f"{path.relative_to(ROOT)}: names a registry; requirements/ holds the locks"


def words() -> Iterator[str]:
    """A word that was replaced does not come back."""
    gone = re.compile("|".join(f"(?:{word})" for word in WORDS))
    for path in tracked():
        if path.suffix in {".py", ".md", ".yaml", ".html"} and path != Path(__file__):
            if path.name in HISTORY:
                continue
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if found := gone.search(line):
                    new = next(new for word, new in WORDS.items() if re.match(word, found[0]))
                    yield f"{path.relative_to(ROOT)}:{number}: `{found[0]}` is `{new}`"


def addresses() -> Iterator[str]:
    """Nothing in the tree names a package's address or this machine's folders."""
    for path in tracked():
        if path.suffix not in TEXT or path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if DOWNLOAD.search(line) or f"{ROOT.parent}/" in line:
                yield f"{path.relative_to(ROOT)}:{number}: names a registry or this machine"


def locks() -> Iterator[str]:
    """Lock files hold names, versions and hashes only."""
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if not LINE.fullmatch(line):
                yield f"{path.relative_to(ROOT)}:{number}: not a name, version or hash: {line}"


if __name__ == "__main__":
    sys.exit(main())
