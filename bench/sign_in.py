"""Sign-ins by password: a hundred people at once, over a real control plane.

Method: `durward serve` over SQLite in a temporary folder, asked on its Unix socket. A hundred
browsers open the sign-in page first; then all of them send their password at the same moment. One
that is told to come back (503) waits as long as it was told and sends it again, as a person would.
Lost is whoever has no session after a minute. The time is that from the first sending to the
answer with the session. Beside it: what one derivation costs a processor. Rounds; the median round
counts. Client and server share the machine.
"""

import asyncio
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx2

from durward.core.edge.envoy.filters import SOURCE
from durward.core.values import Secret
from durward.services import passwords

PEOPLE, ROUNDS, LOST_AFTER_SECONDS = 100, 3, 60.0
ORIGIN = "http://durward"


def declare(runtime: Path) -> dict[str, str]:
    """A hundred people, each with a password."""
    people = {f"person-{number}": {"tenant": "acme"} for number in range(PEOPLE)}
    listed = [{"kind": "tenants", "name": "acme", "body": {}}]
    listed += [{"kind": "users", "name": name, "body": body} for name, body in people.items()]
    transport = httpx2.HTTPTransport(uds=str(runtime / "control.sock"))
    with httpx2.Client(transport=transport, base_url=ORIGIN, timeout=60) as control:
        body = {"declarations": listed, "prune": False}
        control.post("/admin/v1/apply", json=body).raise_for_status()
        return {
            name: control.post(f"/admin/v1/people/{name}/password").json()["password"]
            for name in people
        }


async def sign_in(socket: Path, name: str, password: str, go: asyncio.Event) -> tuple[float, int]:
    """Seconds until the session, and how often it was told to come back."""
    transport = httpx2.AsyncHTTPTransport(uds=str(socket))
    headers = {SOURCE: f"192.0.2.{int(name.split('-')[1]) % 250}"}
    async with httpx2.AsyncClient(
        transport=transport, base_url=ORIGIN, headers=headers, timeout=60
    ) as http:
        reply = await http.get("/")
        cookies = reply.headers["set-cookie"].partition(";")[0]
        page = await http.get(reply.headers["location"], headers={"cookie": cookies})
        fields = dict(re.findall(r'name="(id|token)" value="([^"]*)"', page.text))
        form = {**fields, "account": name, "password": password, "answer": "sign-in"}
        await go.wait()
        began, told = time.perf_counter(), 0
        while True:
            reply = await http.post("/interaction", data=form, headers={"cookie": cookies})
            if reply.status_code != 503:
                break
            told += 1
            await asyncio.sleep(int(reply.headers["retry-after"]))
        assert reply.status_code == 303, reply.text
        return time.perf_counter() - began, told


async def round_of(socket: Path, people: dict[str, str]) -> dict[str, float]:
    """All of them at once."""
    go = asyncio.Event()
    tasks = [
        asyncio.create_task(sign_in(socket, name, password, go))
        for name, password in people.items()
    ]
    await asyncio.sleep(2)
    began = time.perf_counter()
    go.set()
    done, _ = await asyncio.wait(tasks, timeout=LOST_AFTER_SECONDS)
    took = time.perf_counter() - began
    found = sorted(task.result()[0] for task in done if task.exception() is None)
    return {
        "lost": PEOPLE - len(found),
        "told_to_come_back": sum(task.result()[1] for task in done if task.exception() is None),
        "p50_ms": found[len(found) // 2] * 1e3,
        "p99_ms": found[min(len(found) - 1, len(found) * 99 // 100)] * 1e3,
        "sign_ins_per_second": len(found) / took,
    }


def derivation_ms() -> float:
    """What one verification costs, alone."""
    phc, took = passwords.CURRENT_KIND, []
    for _ in range(9):
        began = time.perf_counter()
        passwords.verifies(Secret("x"), phc)
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1e3


def main() -> None:
    alone = derivation_ms()
    with tempfile.TemporaryDirectory(prefix="dw-bench-") as name:
        folder = Path(name)
        settings = {"issuer": "http://localhost:1", "runtime": name, "state": name}
        lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
        (folder / "durward.toml").write_text("\n".join(["[serve]", *lines]))
        command = [sys.executable, "-m", "durward", "serve", "--config", f"{name}/durward.toml"]
        server = subprocess.Popen(command)
        try:
            while not (folder / "control.sock").exists():
                assert server.poll() is None
                time.sleep(0.05)
            time.sleep(0.5)
            people = declare(folder)
            socket = folder / "public.sock"
            rounds = [asyncio.run(round_of(socket, people)) for _ in range(ROUNDS)]
        finally:
            server.terminate()
            server.wait(20)
    found = {
        "derivation_ms": round(alone, 1),
        **{key: round(statistics.median(r[key] for r in rounds)) for key in rounds[0]},
        "lost": sum(int(r["lost"]) for r in rounds),
    }
    if "--json" in sys.argv:
        print(json.dumps(found))
    else:
        print(", ".join(f"{key} {value}" for key, value in found.items()))


if __name__ == "__main__":
    main()
