"""The whole: control plane, edge, sample API; a service signs in and calls."""

import contextlib
import json
import sqlite3
import stat
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from tests.demo import Demo
from tests.live import is_alive, kill, wait_for

from durward.core.wire import JsonLike
from durward.entrypoints.credentials import read_credentials
from durward.keys.signing import Signer, generate

SUMMARY = "/v1/acme/reports/summary"


def test_a_service_signs_in_and_calls_what_its_role_allows(demo: Demo) -> None:
    done = demo.run("call", "--as", "reporting", "GET", SUMMARY)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("HTTP/1.1 200")
    assert '"subject":"reporting"' in done.stdout
    refused = demo.run("call", "--as", "reporting", "GET", "/v1/acme/orders/1001")
    assert refused.returncode == 1
    assert "insufficient_scope" in refused.stdout
    assert "/token" not in refused.stderr, "the token is kept for the next call"


def test_the_access_token_is_what_rfc_9068_says(demo: Demo) -> None:
    answer = demo.token()
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 300)
    keys = httpx2.get(f"{demo.issuer}/jwks", trust_env=False).json()["keys"]
    for path in ("/jwks", "/.well-known/openid-configuration", "/durward.css"):
        head = httpx2.head(f"{demo.issuer}{path}", trust_env=False)
        assert (head.status_code, head.content) == (200, b"")
    assert {key["alg"] for key in keys} == {"ES256", "RS256"}
    assert not any("d" in key for key in keys)
    assert demo.get(SUMMARY, body["access_token"]).status_code == 200


def test_asking_where_to_sign_in_is_not_told_as_a_bad_token(demo: Demo) -> None:
    """Also of an operation that needs none: it is done once, and by who is named."""
    (demo.folder / "tokens.json").unlink(missing_ok=True)
    done = demo.run("call", "--as", "reporting", "GET", "/v1/status")
    assert '"subject":"reporting"' in done.stdout
    refusals = demo.folder / "edge" / "refusals.jsonl"
    wait_for(lambda: '"GetStatus"' in refusals.read_text())  # Envoy writes in batches
    asked = next(line for line in refusals.read_text().splitlines() if '"GetStatus"' in line)
    told = demo.run("explain", f"d_{json.loads(asked)['id']}").stdout
    assert "because     the Authorization header is not of the scheme `Bearer`" in told


@pytest.mark.requirement("AS-72")
def test_the_metadata_is_the_issuers_own(demo: Demo) -> None:
    path = "/.well-known/oauth-authorization-server"
    found = httpx2.get(demo.issuer + path, trust_env=False).json()
    assert found["issuer"] == demo.issuer
    for undeclared in ("/admin/v1/declarations", "/edge/v1/snapshot", "/livez", "/token/"):
        reply = httpx2.get(demo.issuer + undeclared, trust_env=False)
        assert reply.status_code == 404, "the surface at the edge is an allow-list"


@pytest.mark.requirement("AS-22", "AS-27")
@pytest.mark.parametrize(
    ("auth", "form", "status", "error"),
    [
        (("reporting", "wrong"), {}, 401, "invalid_client"),
        (("nobody", "wrong"), {}, 401, "invalid_client"),
        (None, {"client_id": "reporting"}, 401, "invalid_client"),
        (None, {}, 401, "invalid_client"),
        (("reporting", "wrong"), {"grant_type": "password"}, 401, "invalid_client"),
        (("reporting", "wrong"), {"client_secret": "x"}, 400, "invalid_request"),
    ],
)
def test_who_does_not_prove_who_it_is_gets_nothing(
    demo: Demo, auth: Any, form: dict[str, str], status: int, error: str
) -> None:
    sent = {"grant_type": "client_credentials", **form}
    reply = httpx2.post(f"{demo.issuer}/token", data=sent, auth=auth, trust_env=False)
    assert (reply.status_code, reply.json()["error"]) == (status, error)
    assert reply.headers["cache-control"] == "no-store"
    assert "reporting" not in reply.text


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"scope": "orders:read"}, "invalid_scope"),
        ({"resource": "http://elsewhere"}, "invalid_target"),
    ],
)
def test_what_a_client_may_not_have_it_does_not_get(
    demo: Demo, form: dict[str, str], error: str
) -> None:
    reply = demo.token(**form)
    assert (reply.status_code, reply.json()["error"]) == (400, error)


def signed_assertion(key: Signer, demo: Demo, jti: str) -> dict[str, str]:
    expires = int(time.time()) + 60  # noqa: TID251 - the test plays the client
    claims: dict[str, JsonLike] = {"iss": "signer", "sub": "signer", "aud": demo.issuer}
    claims |= {"jti": jti, "exp": expires}
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    token = key.token("JWT", claims, key.kid)
    return {
        "grant_type": "client_credentials",
        "client_assertion_type": kind,
        "client_assertion": token,
    }


@pytest.mark.requirement("AS-28")
def test_a_client_signs_in_by_its_key_and_an_assertion_works_once(demo: Demo) -> None:
    key, mallory = generate("ES256"), generate("ES256")
    client = {
        "tenant": "acme",
        "grants": ["client_credentials"],
        "authentication": "private_key_jwt",
        "apis": ["orders"],
        "scopes": ["reports:read"],
        "roles": ["reporter"],
        "jwks": {"keys": [key.public_jwk]},
    }
    assert demo.apply(json.dumps({"clients": {"signer": client}})).returncode == 0

    def ask(by: Signer, jti: str) -> httpx2.Response:
        form = signed_assertion(by, demo, jti)
        return httpx2.post(f"{demo.issuer}/token", data=form, trust_env=False)

    first = ask(key, "one")
    assert demo.get(SUMMARY, first.json()["access_token"]).status_code == 200
    assert ask(key, "one").status_code == 401
    assert ask(mallory, "two").status_code == 401


def test_what_is_applied_is_in_force_at_the_edge_and_applied_once(demo: Demo) -> None:
    token = demo.token().json()["access_token"]
    without = "roles: {reporter: {name: Reporter}}"
    planned = demo.folder / "more.durward.yaml"
    planned.write_text(without)
    told = "~ roles/reporter\n      ~ /policies: - reports\n"
    assert demo.run("plan", str(planned)).stdout == told
    assert demo.apply(without).stdout.startswith(f"{told}✓ version ")
    assert demo.get(SUMMARY, token).status_code == 403
    assert demo.apply(without).stdout.startswith("nothing to change\n✓ version ")
    assert demo.apply("roles: {reporter: {name: Reporter, policies: [reports]}}").returncode == 0
    assert demo.get(SUMMARY, token).status_code == 200


def test_what_does_not_fit_is_refused_whole(demo: Demo) -> None:
    before = demo.run("export", "--json").stdout
    refused = demo.apply("roles: {x: {policies: [nowhere]}}\ntenants: {new: {}}")
    assert refused.returncode == 2
    assert "policies names `nowhere`" in refused.stderr
    assert demo.run("export", "--json").stdout == before


@contextlib.contextmanager
def short_caches(demo: Demo) -> Iterator[None]:
    """Let this issuer's keys be kept for a second, so that the next ones may sign soon."""
    settings = demo.folder / "durward.toml"
    before = settings.read_text()
    settings.write_text(before.replace("[serve]\n", "[serve]\nkeys_ahead_seconds = 2\n"))
    restart(demo)
    reply = httpx2.get(f"{demo.issuer}/jwks", trust_env=False)
    assert reply.headers["cache-control"] == "public, max-age=1"
    yield
    settings.write_text(before)
    restart(demo)


def restart(demo: Demo) -> None:
    serving = demo.process("serve")
    kill(serving)
    wait_for(lambda: not is_alive(serving), within=5)
    wait_for(lambda: demo.token().status_code == 200, within=20)


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        (("--ahead", "0s"), "hint: --ahead 120s"),
        (("--ahead", "119s"), "hint: --ahead 120s"),
        (("--grace", "5m"), "hint: --grace 360s"),
        (("--grace", "900"), "hint: --grace 90s, 10m, 24h or 7d"),
        (("--grace", "1h", "--unsafe-now"), "remove --ahead and --grace"),
    ],
)
def test_a_rotation_that_would_refuse_good_tokens_is_refused(
    demo: Demo, option: tuple[str, ...], hint: str
) -> None:
    before = demo.run("keys").stdout
    refused = demo.run("keys", "rotate", *option)
    assert refused.returncode == 2
    assert hint in refused.stderr
    assert demo.run("keys").stdout == before


def test_a_rotation_can_be_looked_at_first(demo: Demo) -> None:
    before = demo.run("keys").stdout
    shown = demo.run("keys", "rotate", "--grace", "24h", "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert "new keys would be published" in shown.stdout
    assert demo.run("keys").stdout == before


def test_keys_rotate_and_no_token_is_refused(demo: Demo) -> None:
    old = demo.token().json()["access_token"]
    kids = {key["kid"] for key in json.loads(demo.run("keys", "--json").stdout)["keys"]}
    with short_caches(demo):
        done = demo.run("keys", "rotate", "--ahead", "2s", "--grace", "10m")
        assert done.returncode == 0, done.stderr
        deadline = time.monotonic() + 4
        while time.monotonic() < deadline:
            assert demo.get(SUMMARY, demo.token().json()["access_token"]).status_code == 200
            assert demo.get(SUMMARY, old).status_code == 200
    now = {key["kid"] for key in json.loads(demo.run("keys", "--json").stdout)["keys"]}
    assert len(now - kids) == 2
    published = httpx2.get(f"{demo.issuer}/jwks", trust_env=False).json()["keys"]
    assert len(published) == 4


def test_decisions_and_tokens_are_in_the_log_which_proves_itself(demo: Demo) -> None:
    assert demo.token(scope="orders:read").status_code == 400
    reply = demo.get("/v1/globex/reports/summary", demo.token().json()["access_token"])
    decision = reply.headers["durward-decision"]
    wait_for(lambda: decision in demo.run("logs", "--last", "500").stdout, within=10)
    log = demo.run("logs", "--last", "500").stdout
    assert "token issued" in log
    assert "token refused" in log
    kept = demo.folder / "kept.checkpoint"
    kept.write_text(demo.run("audit", "checkpoint").stdout)
    key = str(demo.folder / "serve" / "audit.pub")
    demo.token()
    verified = demo.run("audit", "verify", "--key", key, "--since", str(kept))
    assert verified.returncode == 0, verified.stdout
    assert "✓ the log matches its checkpoint" in verified.stdout


def test_a_changed_event_is_found(demo: Demo) -> None:
    database = demo.folder / "serve" / "durward.db"
    key = str(demo.folder / "serve" / "audit.pub")
    change = "UPDATE audit_log SET body = replace(CAST(body AS TEXT), 'operator', 'operatoR')"
    back = change.replace("'operator', 'operatoR'", "'operatoR', 'operator'")

    def edit(statement: str) -> None:
        with sqlite3.connect(database) as connection:
            connection.execute(statement.replace("= replace(", "= CAST(replace(") + " AS BLOB)")
        connection.close()

    edit(change)
    try:
        found = demo.run("audit", "verify", "--key", key)
        assert (found.returncode, "are not those of" in found.stdout) == (1, True)
    finally:
        edit(back)
    assert demo.run("audit", "verify", "--key", key).returncode == 0


def test_secrets_are_in_the_credentials_file_and_nowhere_else(demo: Demo) -> None:
    kept = demo.folder / "credentials"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    secret = read_credentials(kept)["clients"]["reporting"].encode()
    for path in demo.folder.rglob("*"):
        if path.is_file() and path != kept:
            assert secret not in path.read_bytes(), path
    private = b"PRIVATE KEY"
    assert private not in (demo.folder / "serve" / "durward.db").read_bytes()


@pytest.mark.requirement("ZT-7")
def test_the_edge_lives_on_when_the_control_plane_is_killed(demo: Demo) -> None:
    token = demo.token().json()["access_token"]
    serving = demo.process("serve")
    kill(serving)
    wait_for(lambda: not is_alive(serving), within=5)
    assert demo.get(SUMMARY, token).status_code == 200
    assert demo.get("/v1/acme/orders/1001", token).status_code == 403
    wait_for(lambda: demo.token().status_code == 200, within=20)
    key = str(demo.folder / "serve" / "audit.pub")
    assert demo.run("audit", "verify", "--key", key).returncode == 0


def test_apply_without_a_terminal_asks_where_secrets_go(demo: Demo) -> None:
    file = demo.folder / "more.durward.yaml"
    file.write_text("clients: {another: {tenant: acme, grants: [client_credentials]}}")
    done = demo.run("apply", str(file))
    assert done.returncode == 2
    assert done.stderr.startswith("error: apply: the new secrets of another would be lost\nhint: ")
    assert "--credentials" in done.stderr
    assert "clients/another" in demo.run("plan", str(file)).stdout
    unknown = demo.run("clients", "secret", "nobody")
    assert unknown.stderr.startswith("error: clients/nobody: is not declared\n")


def test_apply_without_a_terminal_says_first_what_is_wrong_with_the_files(demo: Demo) -> None:
    file = demo.folder / "more.durward.yaml"
    missing = demo.run("apply", str(demo.folder / "missing.yaml"))
    assert missing.stderr.startswith(f"error: {demo.folder}/missing.yaml: No such file")
    file.write_text("users: {eve: {tenant: nowhere}}")
    assert "nowhere" in demo.run("apply", str(file)).stderr
    file.write_text("tenants: {another: {}}")
    applied = demo.run("apply", str(file))
    assert applied.returncode == 0, applied.stderr
    assert applied.stdout.startswith("+ tenants/another\n✓ version ")
