"""`durward policy explain` on the demo's own declarations."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "orders"
THEIRS = "arn:durward:orders:demo:globex:order/1"
OWN = "arn:durward:orders:demo:acme:order/1"


def explain(who: str, resource: str, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "durward", "policy", "explain", str(EXAMPLE), "--as", who]
    command += ["--action", "orders:GetOrder", "--resource", resource, *more]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


def test_an_allow_names_its_statement() -> None:
    done = explain("ann", OWN)
    assert (done.returncode, done.stdout) == (0, "allow: allowed by `own-orders/OwnTenant`\n")


@pytest.mark.parametrize(
    ("who", "resource", "more", "told"),
    [
        ("ann", THEIRS, (), "nearest: Allow in `own-orders/OwnTenant`"),
        ("ann", OWN, ("--role", "reporter"), "nearest miss: with the role `clerk`"),
        ("ann", OWN, ("--scope", "reports:read"), "nearest miss: with the scope `orders:read`"),
        ("nobody", OWN, (), "no statement allows it"),
    ],
)
def test_a_denial_says_why(who: str, resource: str, more: tuple[str, ...], told: str) -> None:
    done = explain(who, resource, *more)
    assert done.returncode == 1
    assert told in done.stdout


def test_it_is_told_to_machines_too() -> None:
    found = json.loads(explain("user/bob", OWN, "--context", "app:x=1", "--json").stdout)
    assert found["result"] == "implicit deny"


@pytest.mark.parametrize(
    ("who", "more", "told"),
    [
        ("eve", (), "known are nobody, client/gateway, client/reporting"),
        ("ann", ("--context", "x"), "KEY=VALUE"),
    ],
)
def test_a_wrong_call_says_what_is_right(who: str, more: tuple[str, ...], told: str) -> None:
    done = explain(who, OWN, *more)
    assert done.returncode == 1
    assert told in done.stderr
