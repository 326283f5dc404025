"""The documentation stays true: links lead somewhere, named paths and functions exist."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
NAMED = re.compile(r"`((?:src|tests|docs|tools|bench|examples)/[\w./-]*)`")
MEMBER = re.compile(r"`((?:src|tests|tools)/[\w./-]*\.py)`|\(`([A-Za-z_]\w*)`\)")
"""A path of code, or in parentheses a name from the file before it."""
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def main() -> int:
    """Print every broken reference with its place."""
    broken = [line for page in pages() for line in check(page)]
    for line in broken:
        print(line)
    return 1 if broken else 0


def pages() -> Iterator[Path]:
    """Every page that we wrote."""
    yield from sorted(ROOT.glob("*.md"))
    yield from sorted((ROOT / "docs").rglob("*.md"))
    yield from sorted((ROOT / "examples").rglob("*.md"))


def check(page: Path) -> Iterator[str]:
    """Links and paths of one page that lead nowhere."""
    for number, line in enumerate(page.read_text().splitlines(), 1):
        place = f"{page.relative_to(ROOT)}:{number}"
        for target in LINK.findall(line):
            if "://" not in target and not target.startswith("mailto:") and not leads(page, target):
                yield f"{place}: link leads nowhere: {target}"
        for path in NAMED.findall(line):
            if not (ROOT / path).exists():
                yield f"{place}: no such path: {path}"
        yield from (f"{place}: {problem}" for problem in missing_members(line))


def leads(page: Path, target: str) -> bool:
    """Whether a link leads to a file and, on one of our pages, to a heading of it."""
    name, _, anchor = target.partition("#")
    file = page.parent / name if name else page
    return file.exists() and (not anchor or file.suffix != ".md" or anchor in anchors(file))


def anchors(page: Path) -> set[str]:
    """The anchors of the headings of a page, as GitHub makes them."""
    headings = (
        re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text) for text in HEADING.findall(page.read_text())
    )
    return {re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-") for text in headings}


def missing_members(line: str) -> Iterator[str]:
    """The names in parentheses that do not occur in the file that the line names before them."""
    source = ""
    for path, name in MEMBER.findall(line):
        if path:
            source = path if (ROOT / path).exists() else ""
        elif source and not re.search(rf"\b{name}\b", (ROOT / source).read_text()):
            yield f"`{source}` has no `{name}`"


if __name__ == "__main__":
    sys.exit(main())
