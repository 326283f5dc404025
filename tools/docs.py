"""The documentation stays true: links lead somewhere, named paths exist."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
NAMED = re.compile(r"`((?:src|tests|docs|tools|bench|examples)/[\w./-]*)`")


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
            if "://" in target or target.startswith(("#", "mailto:")):
                continue
            if not (page.parent / target.split("#")[0]).exists():
                yield f"{place}: link leads nowhere: {target}"
        for path in NAMED.findall(line):
            if not (ROOT / path).exists():
                yield f"{place}: no such path: {path}"


if __name__ == "__main__":
    sys.exit(main())
