"""`durward people import`: a bad file is told by its lines, and a good one gone on with."""

import asyncio
import contextlib
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import pytest
from tests.depth import depth
from tests.issuer import ISSUER, Issuer

from durward.core.people.password_hash import parse_password_hash
from durward.core.values import UserId
from durward.entrypoints.http.listener import serve
from durward.entrypoints.server import control
from durward.services import passwords
from durward.services.people import named_person
from durward.store.passwords import load_password

pytestmark = pytest.mark.anyio
BCRYPT = bcrypt.hashpw(b"of eve", bcrypt.gensalt(4)).decode()
HEADER = "login,email,email_verified,name,tenant,roles,groups,id,password_hash,disabled,locale\r\n"


@dataclass
class Output:
    code: int | None
    out: str
    err: str


@dataclass
class Operator:
    """Runs the command against an issuer that listens on its control socket."""

    issuer: Issuer
    folder: Path

    def file(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    async def run(
        self, file: Path, *options: str, stop: Callable[[], bool] | None = None
    ) -> Output:
        """Run it to its end, or interrupt it once it is so."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "durward", "people", "import", str(file)),
            *("--dir", str(self.folder), *options),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        ended = asyncio.create_task(process.communicate())
        while stop and not ended.done():
            await asyncio.sleep(0.005)
            if stop():
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGINT)
                break
        out, err = await ended
        return Output(process.returncode, out.decode(), err.decode())

    async def refused(self, name: str, content: str | bytes, *options: str) -> str:
        """Import a file that is refused: what is told. Nobody is added."""
        done = await self.run(self.file(name, content), "--tenant", "acme", *options)
        assert done.code == 2, done
        assert not done.out
        assert "Traceback" not in done.err
        assert await self.added() == 0
        return done.err

    async def added(self) -> int:
        """How many people an operator added."""
        events = await self.issuer.events()
        return sum('"person added"' in event and '"users/p_' in event for event in events)


@pytest.fixture
async def operator(issuer: Issuer, tmp_path: Path) -> AsyncIterator[Operator]:
    before = Operator(issuer, tmp_path)
    (tmp_path / "durward.toml").write_text(
        f'[serve]\nissuer = "{ISSUER}"\nruntime = "{tmp_path}"\nstate = "{tmp_path}"\n'
    )
    ended = asyncio.Event()
    serving = asyncio.create_task(serve({tmp_path / "control.sock": control(issuer.plane)}, ended))
    try:
        yield before
    finally:
        ended.set()
        await serving


def lines(number: int, **members: object) -> str:
    """JSON lines of people."""
    return "".join(
        json.dumps({"login": f"user{place}", "tenant": "acme", **members}) + "\n"
        for place in range(number)
    )


async def test_a_csv_file_is_imported_and_whoever_is_in_it_signs_in(operator: Operator) -> None:
    """As a spreadsheet saves it: with a BOM, CRLF, and an empty line at its end."""
    rows = [
        f'eve e.v,Eve@example.com,TRUE,"Eve, the first",acme,,a;b c,,{BCRYPT},no,de\r\n',
        "off,,,,,,,,,yes,\r\n",
        ",,,,,,,,,,\r\n\r\n",
    ]
    text = HEADER + "".join(rows)
    file = operator.file("people.csv", b"\xef\xbb\xbf" + text.encode())
    tried = await operator.run(file, "--tenant", "acme", "--dry-run")
    assert (tried.code, await operator.added()) == (0, 0), tried
    assert "2 people would be imported" in tried.out
    done = await operator.run(file, "--tenant", "acme", "--json")
    assert done.code == 0, done
    told = json.loads(done.out)
    assert (told["lines"], told["added"], told["existing"], told["problems"]) == (2, 2, 0, [])
    eve = await operator.issuer.plane.transactions.read(lambda c: named_person(c, "e.v"))
    assert eve is not None
    assert (eve.logins, eve.groups, eve.name) == (
        *(("eve", "e.v"), ("a", "b", "c")),
        "Eve, the first",
    )
    id = eve.id
    browser = operator.issuer.browser()
    for password, status in (("not it", 403), ("of eve", 200)):
        page = await browser.follow(await browser.authorize())
        assert (await browser.sign_in(page, "EVE", password)).status_code == status
    kept = await operator.issuer.plane.transactions.read(lambda c: load_password(c, UserId(id)))
    assert passwords.is_current(kept or "")
    assert 'id="consent"' in (await signed_in(operator, "eve", "of eve"))
    page = await browser.follow(await operator.issuer.browser().authorize())
    assert (await operator.run(file, "--tenant", "acme")).out.startswith("0 people are imported, 2")


async def signed_in(operator: Operator, account: str, password: str) -> str:
    browser = operator.issuer.browser("192.0.2.9")
    page = await browser.follow(await browser.authorize())
    return (await browser.sign_in(page, account, password)).text


async def test_of_a_file_with_bad_lines_nobody_is_imported_and_each_is_told(
    operator: Operator,
) -> None:
    huge = parse_password_hash(BCRYPT).text.replace("$04$", "$31$")
    told = await operator.refused(
        "people.jsonl",
        '{"login": "a"}\n'
        '{"login": "b", "nickname": "x"}\n'
        '{"login": "c"\n'
        "\n"
        '{"login": "A"}\n'
        '{"login": "d", "roles": ["no-such-role"]}\n'
        f'{{"login": "e", "password_hash": "{huge}"}}\n'
        '{"login": "f\\u0000"}\n'
        '{"login": "g", "name": "=HYPERLINK(1)"}\n'
        '{"login": "ann"}\n'
        '{"name": "nobody"}\n'
        '{"id": "i-1", "login": "h"}\n'
        '{"id": "i-1"}\n'
        '{"login": "k", "password_hash": {"type": "otp"}}\n',
    )
    numbers = [int(one.split(":")[1]) for one in told.splitlines() if "jsonl:" in one]
    assert numbers == sorted(numbers) == [2, 3, 5, 6, 7, 8, 9, 10, 11, 13, 14]
    for problem in (
        "nickname",
        "also in line 1",
        "no-such-role",
        " s for each",
        "control character",
    ):
        assert problem in told
    for problem in ("spreadsheet", "`ann` exists", "is required", "no password", "line 12"):
        assert problem in told
    assert "11 of 13 lines are invalid, nothing is imported" in told
    assert huge[7:] not in told
    told = await operator.refused("many.jsonl", lines(30, nickname="x"))
    assert told.count("many.jsonl:") == 20
    assert "and 10 more" in told


async def test_an_import_that_was_interrupted_goes_on_where_it_was(operator: Operator) -> None:
    number = 2_000
    file = operator.file("people.jsonl", lines(number))
    database = operator.issuer.plane.transactions.database
    heard: list[object] = []
    database.listen(heard.extend)
    done = await operator.run(file, stop=lambda: bool(heard))
    assert done.code == 130, done
    assert "of 2,000 people are imported" in done.err
    assert "resumes" in done.err
    found = await operator.added()
    assert 0 < found < number
    again = await operator.run(file, "--json")
    told = json.loads(again.out)
    assert (told["added"], told["existing"]) == (number - found, found)
    assert await operator.added() == number


@pytest.mark.timeout(900)
@pytest.mark.alone
async def test_a_thousand_people_are_there_in_seconds(operator: Operator) -> None:
    """`./check long` imports a hundred thousand, and prints how long it took."""
    number = depth(1_000, long=100_000)
    file = operator.file("people.jsonl", lines(number, groups=["all"], password_hash=BCRYPT))
    began = time.monotonic()
    done = await operator.run(file, "--json")
    seconds = time.monotonic() - began
    sys.stderr.write(f"{number} people imported in {seconds:.1f} s\n")
    assert json.loads(done.out)["added"] == number, done.err
    assert seconds < max(20, number / 250)
