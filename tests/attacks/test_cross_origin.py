"""Scripts of other origins at the authorization server: only those of declared applications."""

from dataclasses import replace

import pytest
from tests.issuer import Issuer

from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.oauth.metadata import CALLED_BY_PAGES, SURFACE
from durward.core.wire import Json

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("AS-10")]

APP = "http://127.0.0.1:8490"
READ = "access-control-allow-origin"
ASK = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
SPA: dict[str, Json] = {
    "tenant": "acme",
    "authentication": "none",
    "redirect_uris": ["https://App.example:443/back"],
    "origins": ["https://static.example"],
}


@pytest.mark.parametrize("path", CALLED_BY_PAGES)
async def test_the_origin_of_a_redirect_uri_may_call(issuer: Issuer, path: str) -> None:
    async with issuer.http() as http:
        asked = await http.options(path, headers={"origin": APP, **ASK})
        assert (asked.status_code, asked.headers[READ]) == (204, APP)
        assert "POST" in asked.headers["access-control-allow-methods"]
        assert "authorization" in asked.headers["access-control-allow-headers"]
        done = await http.post(path, headers={"origin": APP}, data={"token": "x"})
        assert done.status_code in {400, 401}
        assert done.headers[READ] == APP
        for reply in (asked, done):
            assert "origin" in reply.headers["vary"].lower()
            assert "access-control-allow-credentials" not in reply.headers


@pytest.mark.parametrize(
    "origin",
    [
        *("null", "", "*", "http://127.0.0.2", "http://127.0.0.1:84901", "https://127.0.0.1:8490"),
        *("http://127.0.0.1:8490.evil.example", "http://evil.example", "HTTP://127.0.0.1:8490"),
        *(
            "http://127.0.0.1:8490/",
            "http://localhost:8490",
            "http://127.0.0.1:8490,http://e.example",
        ),
    ],
)
async def test_no_other_origin_may(issuer: Issuer, origin: str) -> None:
    async with issuer.http() as http:
        for reply in (
            await http.options("/token", headers={"origin": origin, **ASK}),
            await http.post("/token", headers={"origin": origin}, data={"grant_type": "x"}),
        ):
            assert not [name for name in reply.headers if name.startswith("access-control-")]
            assert reply.headers["vary"] == "Origin"


async def test_two_origins_are_none(issuer: Issuer) -> None:
    async with issuer.http() as http:
        for sent in ([APP, "https://evil.example"], [APP, APP]):
            headers = [("origin", one) for one in sent]
            assert READ not in (await http.post("/token", headers=headers)).headers


async def test_pages_for_people_are_read_by_no_other_origin(issuer: Issuer) -> None:
    paths = {path for _, path in SURFACE} - {*CALLED_BY_PAGES}
    async with issuer.http() as http:
        for path in sorted(paths):
            reply = await http.get(path, headers={"origin": APP})
            assert reply.headers.get(READ) in {None, "*"}
            assert (READ in reply.headers) == (path == "/jwks" or "well-known" in path)


async def test_origins_follow_the_declarations(issuer: Issuer) -> None:
    async def allowed(origin: str) -> bool:
        async with issuer.http() as http:
            return READ in (await http.post("/token", headers={"origin": origin})).headers

    declared = Declaration(DeclarationKind.CLIENT, "spa", SPA)
    assert not await allowed("https://app.example")
    await issuer.apply(declared)
    assert await allowed("https://app.example")
    assert await allowed("https://static.example")
    await issuer.apply(replace(declared, body={**SPA, "disabled": True}))
    assert not await allowed("https://app.example")


async def test_a_page_can_read_that_it_asked_too_often(issuer: Issuer) -> None:
    async with issuer.http() as http:
        for _ in range(1_000):
            reply = await http.post("/token", headers={"origin": APP})
        reply = await http.post("/token", headers={"origin": APP})
    assert (reply.status_code, reply.headers[READ]) == (429, APP)
    assert "retry-after" in reply.headers["access-control-expose-headers"]
