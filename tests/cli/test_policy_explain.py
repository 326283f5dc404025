"""`durward policy explain` on the demo's own declarations."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "orders"
THEIRS = "arn:durward:orders:demo:globex:order/1"
OWN = "arn:durward:orders:demo:acme:order/1"


def explain(
    who: str, resource: str, *more: str, folder: Path = EXAMPLE
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "durward", "policy", "explain", str(folder), "--as", who]
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
    found = json.loads(explain("user/bob", OWN, "--context", "durward:Amr=pwd", "--json").stdout)
    assert found["result"] == "implicit deny"


@pytest.mark.parametrize(
    ("who", "more", "told"),
    [
        ("eve", (), "declared are anonymous, client/gateway, client/reporting"),
        ("ann", ("--context", "x"), "KEY=VALUE"),
    ],
)
def test_a_wrong_call_says_what_is_right(who: str, more: tuple[str, ...], told: str) -> None:
    done = explain(who, OWN, *more)
    assert done.returncode == 2
    assert told in done.stderr


def test_what_is_no_resource_is_told_and_not_denied() -> None:
    done = explain("ann", "order/1")
    assert done.returncode == 2
    assert "`order/1` is not a resource" in done.stderr


@pytest.fixture
def bound(tmp_path: Path) -> Path:
    """The example, where clerks may act on what is their tenant's by its key, until 2100."""
    copy = tmp_path / "orders"
    shutil.copytree(EXAMPLE, copy)
    file = copy / "durward.yaml"
    condition = (
        "Condition: { StringEquals: { durward:ResourceTenant: '${durward:TenantId}' },"
        " DateLessThan: { durward:CurrentTime: '2100-01-01' },"
        " StringNotEquals: { durward:ClientId: desk } }"
    )
    old = "Resource: arn:durward:orders:*:${durward:TenantId}:order*"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, f'Resource: "*"\n        {condition}'))
    return copy


def test_what_the_edge_always_tells_needs_no_option(bound: Path) -> None:
    assert explain("ann", OWN, folder=bound).returncode == 0
    assert explain("ann", THEIRS, folder=bound).returncode == 1
    past = ("--context", "durward:CurrentTime=2100-01-01")
    assert explain("ann", OWN, *past, folder=bound).returncode == 1
    assert explain("ann", OWN, "--client", "desk", folder=bound).returncode == 1
    assert explain("ann", OWN, "--client", "durward-cli", folder=bound).returncode == 0


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--action", "orders:GetOrdr"), "did you mean `orders:GetOrder`?"),
        (("--scope", "ordrs:read"), "did you mean `orders:read`?"),
        (("--role", "clrk"), "did you mean `clerk`?"),
        (("--client", "desc"), "did you mean `desk`?"),
        (("--context", "durward:SourceIpp=10.0.0.1"), "did you mean `durward:SourceIp`?"),
        (("--context", "durward:Subject=bob"), "`durward:Subject` comes from the token only"),
    ],
)
def test_a_name_that_there_is_not_is_told_and_not_denied(more: tuple[str, ...], told: str) -> None:
    command = [sys.executable, "-m", "durward", "policy", "explain", str(EXAMPLE), "--as", "ann"]
    usual = ["--resource", OWN, *(() if "--action" in more else ("--action", "orders:GetOrder"))]
    done = subprocess.run(
        [*command, *usual, *more], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert told in done.stderr


def test_a_key_of_several_values_is_a_list_also_where_one_is_given(bound: Path) -> None:
    """As at the edge: on a list an operator without quantifier never holds."""
    file = bound / "durward.yaml"
    plain = "StringEquals: { durward:Amr: pwd, "
    file.write_text(file.read_text().replace("StringEquals: { ", plain, 1))
    assert explain("ann", OWN, "--context", "durward:Amr=pwd", folder=bound).returncode == 1
    quantified = "ForAnyValue:StringEquals: { durward:Amr: pwd }, StringEquals: { "
    file.write_text(file.read_text().replace(plain, quantified))
    assert explain("ann", OWN, "--context", "durward:Amr=pwd", folder=bound).returncode == 0


def test_who_has_no_token_is_anonymous() -> None:
    for name in ("anonymous", "nobody"):
        assert "no statement allows it" in explain(name, OWN).stdout
