"""People in the admin API: tags, pages, bodies and paths as HTTP has them."""

import asyncio
from typing import Any

import httpx2
import pytest
from tests.services.replica import Replica

from durward.core.configuration.declaration import DeclarationKind
from durward.entrypoints.server import control

pytestmark = pytest.mark.anyio
PEOPLE = "/admin/v1/people"
CLEO = {"tenant": "acme", "logins": ["cleo"]}


async def ask(
    replica: Replica, method: str, path: str, body: Any = None, **headers: str
) -> httpx2.Response:
    transport = httpx2.ASGITransport(app=control(replica.plane))
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx2.AsyncClient(transport=transport, base_url="http://durward") as http:
        if isinstance(body, bytes):
            return await http.request(method, path, content=body, headers=sent)
        return await http.request(method, path, json=body, headers=sent)


async def test_somebody_is_added_read_changed_and_deleted_by_their_tag(replica: Replica) -> None:
    added = await ask(replica, "POST", PEOPLE, {**CLEO, "id": "cleo-1"})
    assert (added.status_code, added.headers["etag"]) == (201, '"1"')
    again = await ask(replica, "POST", PEOPLE, {**CLEO, "id": "cleo-1"})
    assert (again.status_code, again.json()["changed"], again.headers["etag"]) == (
        200,
        False,
        '"1"',
    )
    named = {**CLEO, "name": "Cleo"}
    stale = await ask(replica, "PUT", f"{PEOPLE}/cleo", named, if_match='"7"')
    assert (stale.status_code, stale.headers["etag"]) == (412, '"1"')
    assert stale.headers["content-type"] == "application/problem+json"
    done = await ask(replica, "PUT", f"{PEOPLE}/cleo", named, if_match='"7", "1"')
    assert (done.status_code, done.headers["etag"], done.json()["revoked"]) == (200, '"2"', False)
    found = await ask(replica, "GET", f"{PEOPLE}/cleo-1")
    assert (found.json()["name"], found.headers["etag"]) == ("Cleo", '"2"')
    assert (await ask(replica, "DELETE", f"{PEOPLE}/cleo", if_match='"1"')).status_code == 412
    gone = await ask(replica, "DELETE", f"{PEOPLE}/cleo", if_match="*")
    assert (gone.status_code, gone.json()) == (200, {"changed": True, "revoked": True})
    again = await ask(replica, "DELETE", f"{PEOPLE}/cleo-1")
    assert (again.status_code, again.json()) == (200, {"changed": False, "revoked": False})


@pytest.mark.parametrize("tag", ['W/"1"', '"01x"', "1", '"', "", '"99999999999999999999"'])
async def test_a_tag_that_was_never_given_out_matches_nobody(replica: Replica, tag: str) -> None:
    await ask(replica, "POST", PEOPLE, CLEO)
    reply = await ask(replica, "PUT", f"{PEOPLE}/cleo", {**CLEO, "name": "x"}, if_match=tag)
    assert reply.status_code == 412


async def test_of_two_writers_with_one_tag_one_wins(replica: Replica) -> None:
    await ask(replica, "POST", PEOPLE, CLEO)
    replies = await asyncio.gather(
        *(
            ask(replica, "PUT", f"{PEOPLE}/cleo", {**CLEO, "name": name}, if_match='"1"')
            for name in ("First", "Second", "Third")
        )
    )
    assert sorted(reply.status_code for reply in replies) == [200, 412, 412]


async def test_a_chosen_id_is_taken_once(replica: Replica) -> None:
    made = await ask(replica, "PUT", f"{PEOPLE}/hr-17", CLEO, if_none_match="*")
    assert (made.status_code, made.json()["person"]["id"]) == (201, "hr-17")
    again = await ask(replica, "PUT", f"{PEOPLE}/hr-17", CLEO, if_none_match="*")
    assert again.status_code == 412
    other = {**CLEO, "id": "hr-18", "logins": ["dora"]}
    reply = await ask(replica, "PUT", f"{PEOPLE}/hr-19", other, if_none_match="*")
    assert reply.status_code == 422
    assert (await ask(replica, "PUT", f"{PEOPLE}/hr-19", CLEO)).status_code == 404


@pytest.mark.parametrize(
    "name", ["nobody", "%00", "a%0Ab", "%FF", "%E2%80%AE", "..%2F..%2Fplan", "a" * 3_000, "%40"]
)
async def test_whatever_is_in_a_path_there_is_nobody_and_no_mistake(
    replica: Replica, name: str
) -> None:
    for method, path, body in (
        ("GET", f"{PEOPLE}/{name}", None),
        ("PUT", f"{PEOPLE}/{name}", CLEO),
        ("DELETE", f"{PEOPLE}/{name}", None),
        ("POST", f"{PEOPLE}/{name}/password", {}),
        ("PUT", f"/admin/v1/groups/night/members/{name}", None),
        ("DELETE", f"/admin/v1/groups/{name}", None),
    ):
        reply = await ask(replica, method, path, body)
        assert reply.status_code == 404, (method, reply.text)
        if "%0A" not in name:  # no path has an end of a line
            assert reply.json()["hint"].startswith("durward ")


async def test_a_login_name_may_have_what_parts_a_path(replica: Replica) -> None:
    await ask(replica, "POST", PEOPLE, {"tenant": "acme", "logins": ["a/password"]})
    assert (await ask(replica, "GET", f"{PEOPLE}/a%2Fpassword")).status_code == 200
    made = await ask(replica, "POST", f"{PEOPLE}/a%2Fpassword/password")
    assert made.json()["password"].startswith("dwp_")
    assert made.headers["cache-control"] == "no-store"
    await ask(replica, "PUT", "/admin/v1/groups/night", {})
    reply = await ask(replica, "PUT", "/admin/v1/groups/night/members/a%2Fpassword")
    assert reply.json()["person"]["groups"] == ["night"]


@pytest.mark.parametrize(
    "body",
    [
        {**CLEO, "declared": "cleo"},
        {**CLEO, "revision": 1},
        {**CLEO, "password": "secret"},
        {**CLEO, "admin": True},
        {**CLEO, "disabled": "false"},
        {**CLEO, "logins": "cleo"},
        {**CLEO, "emails": [{"address": "a@b.example", "primary": True}]},
        {**CLEO, "name": "n" * 201},
        {"logins": ["cleo"]},
        [],
        b'{"tenant": "acme", "logins": ["\\ud800"]}',
        b"{",
        b"\xff",
    ],
)
async def test_what_a_body_must_not_say_is_refused_whole(replica: Replica, body: Any) -> None:
    for method, path in (("POST", PEOPLE), ("PUT", f"{PEOPLE}/ann")):
        reply = await ask(replica, method, path, body)
        assert reply.status_code == 400, reply.text
    found = await ask(replica, "GET", PEOPLE)
    assert [one["id"] for one in found.json()["people"]] == ["ann", "bob"]
    assert (await replica.person("ann")).revision == 1


async def test_a_body_is_bounded(replica: Replica) -> None:
    groups = ["g" * 200 + str(number) for number in range(3_000)]
    reply = await ask(replica, "POST", PEOPLE, {**CLEO, "groups": groups})
    assert (reply.status_code, "larger than 524288" in reply.text) == (422, True)


@pytest.mark.parametrize(
    "query",
    [
        *("limit=501", "limit=0", "limit=-1", "limit=1e9", "limit=", "after=a%20b"),
        *("search=", "search=%00", "disabled=yes", "tenant=%27", "group="),
    ],
)
async def test_what_is_asked_for_of_a_page_is_checked(replica: Replica, query: str) -> None:
    assert (await ask(replica, "GET", f"{PEOPLE}?{query}")).status_code == 400


async def test_pages_follow_each_other_to_the_last(replica: Replica) -> None:
    for number in range(3):
        await ask(replica, "POST", PEOPLE, {"tenant": "acme", "logins": [f"m{number}"]})
        await ask(replica, "PUT", f"/admin/v1/groups/g{number}", {})
    for what, total in (("people", 5), ("groups", 3)):
        found: list[str] = []
        after: str | None = ""
        while after is not None:
            query = f"limit=2&after={after}" if after else "limit=2"
            reply = (await ask(replica, "GET", f"/admin/v1/{what}?{query}")).json()
            found += [one.get("id", one["name"]) for one in reply[what]]
            after = reply["next"]
        assert len(found) == len(set(found)) == total


async def test_a_password_is_given_to_whom_a_file_declares_too(replica: Replica) -> None:
    assert not (await ask(replica, "GET", f"{PEOPLE}/ann")).json()["password"]
    # An address that is not verified names nobody.
    await replica.change(DeclarationKind.USER, "ann", email_verified=False)
    assert (await ask(replica, "POST", f"{PEOPLE}/ann@acme.example/password")).status_code == 404
    assert (await ask(replica, "POST", f"{PEOPLE}/ann/password")).status_code == 200
    assert (await ask(replica, "GET", f"{PEOPLE}/ann")).json()["password"]


async def test_what_another_one_has_is_a_conflict(replica: Replica) -> None:
    reply = await ask(replica, "POST", PEOPLE, {"tenant": "acme", "logins": ["ANN"]})
    assert (reply.status_code, reply.json()["title"]) == (
        409,
        "users/ANN: somebody else signs in as `ann`",
    )
