"""Make a private environment from a hash-locked list of packages, with progress.

Standard library alone: this runs before anything is installed.
"""

import fcntl
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIZE = re.compile(r"\(([\d.]+) ([kMG]?B)\)")
UNIT_BYTES = {"B": 1, "kB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}
DOWNLOADS = ("Downloading ", "Using cached ")


def main() -> int:
    """Make the environment `ENV` from `requirements/LOCK.txt`; a finished one is left alone."""
    lock, env = ROOT / "requirements" / f"{sys.argv[1]}.txt", Path(sys.argv[2])
    try:
        import ensurepip  # noqa: F401, PLC0415
        import venv  # noqa: PLC0415
    except ImportError:
        return fail(
            "this Python lacks the `venv` module: install it, e.g. `apt install python3-venv`"
        )
    try:
        env.parent.mkdir(parents=True, exist_ok=True)
        guard = (env.parent / f"{env.name}.lock").open("w")
    except OSError as error:
        return fail(f"cannot write `{env.parent}`: {error.strerror}")
    with guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        stamp = env / "requirements.txt"
        if stamp.exists() and stamp.read_bytes() == lock.read_bytes():
            return 0
        started = time.monotonic()
        say(f"making a private environment in {env.relative_to(ROOT)} (once)")
        stamp.unlink(missing_ok=True)
        venv.create(env, clear=True, with_pip=True)
        if code := install(env, lock):
            return code
        site = next((env / "lib").glob("python3*/site-packages"))
        # Relative, so that a checkout can be moved.
        (site / "durward-checkout.pth").write_text("../../../../../src\n")
        shutil.copyfile(lock, stamp)
        say(f"ready after {time.monotonic() - started:.0f} s")
    return 0


def install(env: Path, lock: Path) -> int:
    """Install the locked packages, wheels only, each checked against its hash."""
    command = [
        *(str(env / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"),
        *("--progress-bar", "off", "--only-binary", ":all:", "--require-hashes", "--no-deps"),
        *("--no-compile", "-r", str(lock)),
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None  # noqa: S101
        tail = list(progress(process.stdout))[-15:]
    if process.returncode:
        sys.stderr.write("".join(tail))
        return fail("packages could not be installed (above); is the package registry reachable?")
    return 0


def progress(lines: Iterator[str]) -> Iterator[str]:
    """Count packages and bytes from pip's own lines while passing them on."""
    packages, downloaded, shown = 0, 0.0, 0.0
    for line in lines:
        words = line.strip()
        if words.startswith(DOWNLOADS) and not words.split()[1].endswith(".metadata"):
            packages += 1
            if size := SIZE.search(words):
                downloaded += float(size[1]) * UNIT_BYTES[size[2]]
        if sys.stderr.isatty() or time.monotonic() - shown > 5:  # noqa: PLR2004
            shown = time.monotonic()
            show(f"  {packages} packages, {downloaded / 1e6:.1f} MB")
        yield line
    show(f"  {packages} packages, {downloaded / 1e6:.1f} MB", end="\n")


def show(text: str, end: str = "") -> None:
    """On a terminal one line that is rewritten, elsewhere a line now and then."""
    if sys.stderr.isatty():
        print(f"\r{text}", end=end, file=sys.stderr, flush=True)
    else:
        print(text, file=sys.stderr, flush=True)


def say(text: str) -> None:
    """Tell what happens on standard error: standard output is the command's."""
    print(f"durward: {text}", file=sys.stderr, flush=True)


def fail(text: str) -> int:
    """Report an error in one line; 1 is what a command found (`entrypoints/cli/exit_code.py`)."""
    print(f"error: {text}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(fail("interrupted; run the command again to go on"))
