"""`./check`: everything that CI gates on, or one part of it.

Cheapest first; the tests come last, so that their summary is the last thing printed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PYTHON = sys.executable
SOURCES = [
    name for name in ("src", "tests", "tools", "bench", "examples") if (ROOT / name).exists()
]

# Tests wait for processes about a third of their time, so that three keep two processors busy.
# A file stays in one process: what it started is shared.
SIDE_BY_SIDE = ("--numprocesses=3", "--dist=loadfile", "--no-loadscope-reorder")

# What specifies the core alone. The gate runs it once, watched, and first: it takes seconds.
UNIT = ("tests/unit",)

Part = Callable[[list[str]], int]


def fmt(args: list[str]) -> int:
    """Format the code: `./check fmt [PATH …]`."""
    return run(BIN / "ruff", "format", *(args or SOURCES))


def lint(args: list[str]) -> int:
    """Format, style, layers and house rules."""
    return (
        run(BIN / "ruff", "format", "--check", "--quiet", *SOURCES)
        or run(BIN / "ruff", "check", "--quiet", *args, *SOURCES)
        or run(BIN / "lint-imports", "--no-cache", quiet=True)
        or run(PYTHON, "tools/house_rules.py")
    )


def types(args: list[str]) -> int:
    """Mypy in strict mode over sources and tests."""
    return run(BIN / "mypy", "--no-error-summary", *args)


def trace(args: list[str]) -> int:
    """The requirements: unknown ids, and ids called met without a test."""
    return run(PYTHON, "tools/trace.py", *args)


def docs(args: list[str]) -> int:
    """Links and named paths in the documentation; `docs/reference/` as the classes are."""
    return run(PYTHON, "tools/docs.py", *args) or run(PYTHON, "tools/reference.py", "--check")


def reference(args: list[str]) -> int:
    """Write `docs/reference/` anew, from the classes."""
    return run(PYTHON, "tools/reference.py", *args)


def wheel(_: list[str]) -> int:
    """Build the wheel, install it alone in a fresh environment, use it there."""
    with tempfile.TemporaryDirectory(prefix="durward-wheel-") as folder:
        built, env = Path(folder, "dist"), Path(folder, "env")
        return (
            run(PYTHON, "-m", "hatchling", "build", "-t", "wheel", "-d", built, quiet=True)
            or run(PYTHON, "-m", "venv", "--without-pip", env)
            or run(
                *(BIN / "uv", "pip", "install", "--quiet", "--python", env / "bin/python"),
                *("--no-deps", "--require-hashes", "-r", "requirements/runtime.txt"),
            )
            or run(
                *(BIN / "uv", "pip", "install", "--quiet", "--python", env / "bin/python"),
                "--no-deps",
                *built.glob("*.whl"),
            )
            or run(PYTHON, ROOT / "tools/use_wheel.py", env / "bin/durward", cwd=Path(folder))
        )


def test(args: list[str]) -> int:
    """The tests: `./check test [PYTEST ARGUMENTS]`; all of them in three processes."""
    return run(PYTHON, "-m", "pytest", *(args or ["-q", *SIDE_BY_SIDE]))


def others(_: list[str]) -> int:
    """All tests but those that `cover` runs."""
    return test(["-q", *SIDE_BY_SIDE, *(f"--ignore={name}" for name in UNIT)])


def cover(_: list[str]) -> int:
    """The unit tests, and how much of the core they run: less than it was is a failure."""
    with tempfile.TemporaryDirectory(prefix="durward-cover-") as folder:
        data, told, coverage = f"{folder}/data", f"{folder}/json", (PYTHON, "-m", "coverage")
        return (
            run(*coverage, "run", "--data-file", data, "-m", "pytest", "-q", *SIDE_BY_SIDE, *UNIT)
            or run(*coverage, "combine", "--data-file", data, quiet=True)
            or run(*coverage, "json", "--data-file", data, "--fail-under=0", "-o", told, quiet=True)
            or run(PYTHON, "tools/cover.py", told)
        )


def bench(args: list[str]) -> int:
    """Run one benchmark: `./check bench NAME [--json]`."""
    known = sorted(path.stem for path in (ROOT / "bench").glob("[a-z]*.py"))
    if not args or args[0] not in known:
        print(f"usage: ./check bench NAME [--json]; NAME is one of: {', '.join(known)}")
        return 2
    # -P: a benchmark may have the name of a module of the standard library
    return run(PYTHON, "-P", f"bench/{args[0]}.py", *args[1:])


def scale(_: list[str]) -> int:
    """The sizes that are promised, in a whole demo (minutes)."""
    os.environ["DURWARD_TEST_LONG"] = "1"  # noqa: TID251 - read by tests/depth.py
    return test(["-q", "-s", "tests/e2e/test_scale.py"])


def release(args: list[str]) -> int:
    """Tag a version and build what is published: `./check release VERSION`."""
    return run(PYTHON, "tools/release.py", *args)


def long(args: list[str]) -> int:
    """What takes longer: the gate with deeper searches and at scale, then every benchmark."""
    os.environ["DURWARD_TEST_LONG"] = "1"  # noqa: TID251 - read by tests/depth.py
    code = everything(args)
    for path in sorted((ROOT / "bench").glob("[a-z]*.py")):
        code = bench([path.stem]) or code
    return code


PARTS: dict[str, Part] = {
    "fmt": fmt,
    "lint": lint,
    "types": types,
    "trace": trace,
    "docs": docs,
    "reference": reference,
    "wheel": wheel,
    "test": test,
    "cover": cover,
    "others": others,
    "release": release,
    "bench": bench,
    "scale": scale,
    "long": long,
}
GATE = ("lint", "types", "trace", "docs", "wheel", "cover", "others")


def everything(_: list[str]) -> int:
    """All parts of the gate, stopping at the first that fails."""
    for name in GATE:
        started = time.monotonic()
        print(f"── {name}", flush=True)
        if code := PARTS[name]([]):
            print(f"✗ {name} failed; alone: ./check {name}", file=sys.stderr)
            return code
        if name != GATE[-1]:
            print(f"✓ {name} ({time.monotonic() - started:.1f} s)", flush=True)
    return 0


def run(*command: str | Path, quiet: bool = False, cwd: Path = ROOT) -> int:
    """Run a command; a quiet one shows its output only when it fails."""
    words = [str(word) for word in command]
    if not quiet:
        return subprocess.run(words, cwd=cwd, check=False).returncode
    done = subprocess.run(words, cwd=cwd, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
    return done.returncode


def main() -> int:
    """Parse the part, run it."""
    width = max(map(len, PARTS))
    parser = argparse.ArgumentParser(
        prog="./check",
        description="Without a part: everything that CI gates on.",
        epilog="\n".join(f"{name:{width}}  {part.__doc__}" for name, part in PARTS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("part", nargs="?", choices=PARTS, metavar="PART")
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="ARGUMENTS")
    chosen = parser.parse_args()
    return PARTS[chosen.part](chosen.rest) if chosen.part else everything([])


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
