"""Rules of the house that no linter knows, each with its reason."""

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = Path("src/durward")
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
    r"\btold_policies\b": "recorded_policies",
    r"\btellable\b": "available_keys",
    r"\bHeard\b": "ReportReply",
}
HISTORY = {"CHANGELOG.md"}
# A concept that has a module in each of these folders of `src/durward`. The stem of any other
# module is its own: who reads `changes` has to know whose.
CONCEPTS = {
    "account": "services entrypoints/pages",
    "api": "core core/configuration",
    "audit": "store entrypoints/cli",
    "authorize": "core/oauth services",
    "authzen": "services entrypoints/http",
    "clients": "store entrypoints/cli",
    "cors": "core core/configuration core/edge/envoy",
    "declarations": "store entrypoints",
    "explain": "core/policy/analysis entrypoints/cli",
    "groups": "store services entrypoints/http entrypoints/cli",
    "keys": "store entrypoints/cli",
    "link": "entrypoints/http entrypoints/edge",  # two ends of one wire
    "log": "services entrypoints/http",
    "logout": "services entrypoints/pages",
    "metadata": "core/oauth entrypoints/http",
    "nodes": "store services entrypoints/http",
    "parts": "core/edge store",
    "passwords": "store services",
    "people": "store services entrypoints/http entrypoints/cli",
    "people_import": "services entrypoints/http entrypoints/cli",
    "revocations": "store services",
    "sessions": "store services",
    "standing": "core/oauth services",
    "token": "services entrypoints/http",
    "upstream": "core core/configuration",
    "userinfo": "core/oauth services entrypoints/http",
}
CLAUSES = {
    "told",
    "tell",
    "said",
    "away",
    "turn",
    "again",
    "in_short",
    "shown",
    "spelled",
    "is_gone",
}


def main() -> int:
    """Print every broken rule with its place."""
    broken = [*names(), *homonyms(sources()), *clauses(sources()), *words()]
    broken += [*addresses(), *locks()]
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


def sources() -> dict[str, str]:
    """The modules of the product by their paths below `src/durward`, but for migrations."""
    found: dict[str, str] = {}
    for path in tracked():
        name = path.relative_to(ROOT)
        if path.suffix == ".py" and name.is_relative_to(SOURCES) and "migrations" not in name.parts:
            found[name.relative_to(SOURCES).as_posix()] = path.read_text()
    return found


def homonyms(modules: Mapping[str, str]) -> Iterator[str]:
    """A name stands for one thing: of a module, but for CONCEPTS, and of a public class."""
    folders: dict[str, list[str]] = defaultdict(list)
    classes: dict[str, list[str]] = defaultdict(list)
    for name, source in sorted(modules.items()):
        path = Path(name)
        if not path.stem.startswith("__"):
            folders[path.stem].append(path.parent.as_posix())
        for each in ast.parse(source).body:
            if isinstance(each, ast.ClassDef) and not each.name.startswith("_"):
                classes[each.name].append(name)
    for stem, where in folders.items():
        if len(where) > 1 and not set(where) <= set(CONCEPTS.get(stem, "").split()):
            yield f"{SOURCES}: several modules are called `{stem}`, in {', '.join(where)}"
    for name, where in classes.items():
        if len(where) > 1:
            yield f"{SOURCES}: several classes are called `{name}`, in {', '.join(where)}"


def clauses(modules: Mapping[str, str]) -> Iterator[str]:
    """A function is named after what it does: render, print, describe."""
    for name, source in sorted(modules.items()):
        for each in ast.walk(ast.parse(source)):
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each.name in CLAUSES:
                yield f"{SOURCES / name}:{each.lineno}: `{each.name}` does not say what it does"


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
