"""From `apply` to its effect at the edge, by size: a whole demo with APIs of 20 operations.

Method: a demo in a temporary folder, the agent with its Envoy and one decision point among it; the
APIs of a size are applied by the command line, then one policy is changed in rounds, and then one
API. A time is that of the whole command, from its start to its end, when it says that the change is
in force; the median round counts. *Before* is what the command takes for a plan, the part of it
that is Python starting and files being read included. All processes share the machine.
"""

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from durward.entrypoints.ports import is_free

SIZES = (1, 30, 200)
OPERATIONS_OF_AN_API, ROUNDS = 20, 3
PATIENCE_SECONDS = 120


@dataclass
class Demo:
    """A demo: its folder, and where its APIs are."""

    folder: Path
    apis: str


@contextlib.contextmanager
def live_demo() -> Iterator[Demo]:
    """A running demo, ended at the end."""
    base = next(
        base
        for base in range(20_000, 32_000, 30)
        if all(is_free(base + offset, "127.0.0.1") for offset in (0, 10, 20))
    )
    with tempfile.TemporaryDirectory(prefix="dw-") as name:
        command = [sys.executable, "-m", "durward", "demo"]
        options = ["--dir", name, "--base-port", str(base), "--detach"]
        subprocess.run([*command, *options], check=True, capture_output=True)
        try:
            yield Demo(Path(name), f"http://127.0.0.1:{base + 10}")
        finally:
            subprocess.run([*command, "stop", "--dir", name], check=False, capture_output=True)


def write_apis(folder: Path, count: int, apis: str) -> Path:
    """Files that declare so many APIs."""
    declared = {}
    for number in range(count):
        paths = {
            f"/a{number}/things{each}/{{id}}": {"get": {"operationId": f"GetThing{each}"}}
            for each in range(OPERATIONS_OF_AN_API)
        }
        document = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": paths}
        (folder / f"a{number}.json").write_text(json.dumps(document))
        declared[f"a{number}"] = {
            "openapi": f"a{number}.json",
            "audience": f"{apis}/a{number}",
            "upstream": "127.0.0.1:9",
        }
    file = folder / "apis.durward.yaml"
    file.write_text(json.dumps({"apis": declared}))
    return file


def timed(demo: Demo, verb: str, file: Path) -> float:
    """How long a command takes, in seconds."""
    command = [sys.executable, "-m", "durward", verb, str(file), "--dir", str(demo.folder)]
    command += ["--wait", str(PATIENCE_SECONDS)] if verb == "apply" else []
    began = time.perf_counter()
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=600, cwd=file.parent
    )
    took = time.perf_counter() - began
    assert done.returncode == (0 if verb == "apply" else 1), done.stdout[-500:] + done.stderr
    return took


def rounds(demo: Demo, verb: str, made: list[Path]) -> float:
    """The median of a command over changes."""
    return statistics.median(timed(demo, verb, file) for file in made)


def policies(folder: Path) -> list[Path]:
    """A change of one policy for each round."""
    made = []
    for number in range(ROUNDS):
        statement = {"Effect": "Deny", "Action": f"a0:GetThing{number}", "Resource": "*"}
        file = folder / f"policy{number}.durward.yaml"
        file.write_text(
            json.dumps({"policies": {"no": {"Version": "2012-10-17", "Statement": statement}}})
        )
        made.append(file)
    return made


def one_api(folder: Path, apis: str) -> list[Path]:
    """A change of one API for each round."""
    made = []
    for number in range(ROUNDS):
        api = {
            "openapi": "a0.json",
            "audience": f"{apis}/a0",
            "upstream": f"127.0.0.1:{90 + number}",
        }
        file = folder / f"api{number}.durward.yaml"
        file.write_text(json.dumps({"apis": {"a0": api}}))
        made.append(file)
    return made


def measure(count: int) -> dict[str, float]:
    """One size."""
    with live_demo() as demo, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        all_of_them = write_apis(folder, count, demo.apis)
        first = timed(demo, "apply", all_of_them)
        changed = policies(folder)
        return {
            "operations": count * OPERATIONS_OF_AN_API,
            "all_seconds": first,
            "before_seconds": timed(demo, "plan", changed[0]),
            "policy_seconds": rounds(demo, "apply", changed),
            "api_seconds": rounds(demo, "apply", one_api(folder, demo.apis)),
        }


def main() -> int:
    """Measure each size; print a line for each, or JSON."""
    found = [measure(count) for count in SIZES]
    if "--json" in sys.argv:
        print(json.dumps(found))
        return 0
    for size in found:
        print(
            f"{size['operations']:6} operations: all at once {size['all_seconds']:.1f} s; then a "
            f"policy {size['policy_seconds']:.1f} s, an API {size['api_seconds']:.1f} s "
            f"(a plan {size['before_seconds']:.1f} s)"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
