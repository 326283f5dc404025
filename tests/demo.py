"""The whole as a user starts it: `durward demo` in a folder of its own."""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
from tests.ports import free_base

from durward.entrypoints.credentials import read_credentials


@dataclass
class Demo:
    folder: Path
    port: int

    @property
    def apis(self) -> str:
        return f"http://127.0.0.1:{self.port + 10}"

    @property
    def issuer(self) -> str:
        return f"http://localhost:{self.port}"

    def run(self, *arguments: str, within: float = 60) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "durward", *arguments, "--dir", str(self.folder)]
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=within)

    def token(self, **form: str) -> httpx2.Response:
        secret = read_credentials(self.folder / "credentials")["clients"]["reporting"]
        sent = {"grant_type": "client_credentials", **form}
        return httpx2.post(
            f"{self.issuer}/token", data=sent, auth=("reporting", secret), trust_env=False
        )

    def get(self, path: str, token: str) -> httpx2.Response:
        headers = {"authorization": f"Bearer {token}"}
        return httpx2.get(self.apis + path, headers=headers, trust_env=False)

    def process(self, name: str) -> int:
        for place in Path("/proc").glob("[0-9]*/cmdline"):
            text = place.read_bytes().replace(b"\0", b" ").decode() if place.exists() else ""
            if f"durward {name} --config {self.folder}" in text:
                return int(place.parent.name)
        raise AssertionError(f"no {name} runs")

    def log(self, name: str) -> str:
        return (self.folder / "logs" / f"{name}.log").read_text()

    def apply(self, content: str, *options: str) -> subprocess.CompletedProcess[str]:
        file = self.folder / "more.durward.yaml"
        file.write_text(content)
        kept = str(self.folder / "credentials")
        return self.run("apply", str(file), "--credentials", kept, *options)

    def password(self, person: str) -> str:
        return read_credentials(self.folder / "credentials")["users"][person]

    @property
    def resource_metadata(self) -> str:
        return f"{self.apis}/.well-known/oauth-protected-resource"

    @property
    def app(self) -> str:
        return f"http://127.0.0.1:{self.port + 20}"


@contextlib.contextmanager
def live_demo(*options: str) -> Iterator[Demo]:
    """A running demo, ended at the end."""
    with tempfile.TemporaryDirectory(prefix="dw-") as name:
        running = Demo(Path(name), free_base())
        started = running.run("demo", "--base-port", str(running.port), "--detach", *options)
        try:
            assert started.returncode == 0, started.stdout + started.stderr
            yield running
        finally:
            running.run("demo", "stop")
