"""What is issued beside a change that ends it does not survive the change, on every database."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import Connection, delete
from tests.attacks.test_standing import OTHER, changed, error, offline
from tests.contract.replicas import Replica, beside
from tests.contract.test_apply import overtaken
from tests.e2e.test_issuer import claims_of
from tests.issuer import ENVOY, START, Browser, Issuer, answer_of, asked
from tests.issuer import issuer as fresh_issuer

from durward.core.audit.event import AuditContext, AuditEvent, EventKind
from durward.core.authn.session import COOKIE
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.errors import Unavailable
from durward.core.values import ClientId, Instant, Secret, UserId, numeric_date
from durward.entropy import new_id
from durward.services import account, authorize, publish
from durward.services.authorize import Redirect
from durward.services.client_authentication import ClientRequest
from durward.services.keyring import ACCESS
from durward.services.sessions import Begun
from durward.services.token import exchange
from durward.store import holds, passwords, revocations, schema, sessions
from durward.store.database import Database
from durward.wiring import ControlPlane

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("AS-104")]


@pytest.fixture
async def issuer(url: str) -> AsyncIterator[Issuer]:
    async with fresh_issuer(url) as running:
        yield running


@pytest.fixture
def other(issuer: Issuer, url: str) -> Iterator[Replica]:
    replica = Replica(issuer, url)
    yield replica
    replica.close()


def session_of(browser: Browser) -> Secret:
    return Secret(browser.http.cookies[COOKIE])


async def apply(replica: Replica, *declared: Declaration) -> None:
    await asyncio.wrap_future(
        replica.begin(replica.plane.administration.apply(declared, prune=False))
    )


async def change(replica: Replica, what: str, browser: Browser) -> None:
    """Something that ends what Ann's session gave to `other`."""
    plane, secret = replica.plane, session_of(browser)
    match what:
        case "a new password":
            await plane.people.new_password(UserId("ann"))
        case "disabled":
            await plane.administration.apply(
                [changed(DeclarationKind.USER, "ann", disabled=True)], prune=False
            )
        case "another tenant":
            await plane.administration.apply(
                [changed(DeclarationKind.USER, "ann", tenant="globex")], prune=False
            )
        case "the client loses its API":
            await plane.administration.apply(
                [changed(DeclarationKind.CLIENT, "other", apis=[])], prune=False
            )
        case _:
            done = await plane.use_cases.write(
                lambda c, x, t: account.withdraw(c, x, secret, "other", t), "b"
            )
            assert done


@pytest.mark.parametrize(
    "what",
    ["a new password", "disabled", "another tenant", "the client loses its API", "withdrawn"],
)
async def test_a_grant_that_is_made_beside_what_ends_all_of_them_ends_too(
    issuer: Issuer, other: Replica, what: str
) -> None:
    browser = issuer.browser()
    await offline(issuer, browser)
    reply, _ = await beside(
        issuer,
        lambda: browser.authorize(prompt="none", **OTHER),
        lambda: other.begin(change(other, what, browser)),
        after=lambda done: isinstance(done, Redirect),
    )
    code = answer_of(reply)["code"]
    await apply(
        other, changed(DeclarationKind.USER, "ann"), changed(DeclarationKind.CLIENT, "other")
    )
    assert error(await issuer.redeem(code, "other")) == "invalid_grant"


@pytest.mark.parametrize("what", ["a new password", "withdrawn"])
async def test_tokens_that_are_issued_beside_what_ends_their_grant_are_not_renewed(
    issuer: Issuer, other: Replica, what: str
) -> None:
    browser = issuer.browser()
    await offline(issuer, browser)
    code = await browser.code(prompt=None, **OTHER)
    reply, _ = await beside(
        issuer,
        lambda: issuer.redeem(code, "other"),
        lambda: other.begin(change(other, what, browser)),
    )
    again = await issuer.refresh(reply.json()["refresh_token"], "other")
    assert error(again) == "invalid_grant"
    assert (await issuer.userinfo(reply.json()["access_token"])).status_code == 401


async def test_a_session_that_begins_beside_what_ends_all_of_them_ends_too(
    issuer: Issuer, other: Replica
) -> None:
    browser = issuer.browser()
    page = await browser.follow(await browser.authorize())
    disabled = changed(DeclarationKind.USER, "ann", disabled=True)
    await beside(
        issuer,
        lambda: browser.sign_in(page),
        lambda: other.begin(other.plane.administration.apply([disabled], prune=False)),
        after=lambda done: isinstance(done, Begun),
    )
    await apply(other, changed(DeclarationKind.USER, "ann"))
    assert (await browser.http.get("/")).status_code == 303


async def ask_silently(replica: Replica, browser: Browser) -> str:
    """Ask at another replica, in the session of a browser; where the answer goes."""
    form = urlencode(asked(prompt="none", **OTHER)).encode()
    session = session_of(browser)
    outcome = await replica.plane.use_cases.write(
        lambda c, x, t: authorize.begin(c, x, form, Secret("dwb_x"), session, t), "test"
    )
    assert isinstance(outcome, Redirect)
    return outcome.answer.uri


@pytest.mark.requirement("AS-66")
async def test_a_pushed_request_is_completed_once_by_two_replicas(
    issuer: Issuer, other: Replica
) -> None:
    """Pushed at one, used at both at the same moment."""
    browser = issuer.browser()
    await offline(issuer, browser)
    body, session = asked(prompt="none", **OTHER), session_of(browser)
    async with issuer.http() as http:
        reply = await http.post("/par", data=body, auth=("other", issuer.secrets["other"]))
    reference = urlencode({"client_id": "other", "request_uri": reply.json()["request_uri"]})

    async def come(plane: ControlPlane) -> authorize.Outcome:
        return await plane.use_cases.write(
            lambda c, x, t: authorize.begin(c, x, reference.encode(), Secret("dwb_x"), session, t),
            "test",
        )

    both = await beside(issuer, lambda: come(issuer.plane), lambda: other.begin(come(other.plane)))
    assert sorted(type(one).__name__ for one in both) == ["ErrorPage", "Redirect"]
    (done,) = [one for one in both if isinstance(one, Redirect)]
    assert "code=" in done.answer.uri


@pytest.mark.parametrize("what", ["the session", "the consent"])
async def test_nothing_is_issued_on_what_is_about_to_end(
    issuer: Issuer, other: Replica, what: str
) -> None:
    """The other way round: the end was decided first, and is not committed."""
    browser = issuer.browser()
    await offline(issuer, browser)
    secret = session_of(browser)

    def end(connection: Any, context: Any, audit: AuditContext) -> bool:
        if what == "the consent":
            return account.withdraw(connection, context, secret, "other", audit)
        session = sessions.hold_session(connection, secret.sha256())
        assert session is not None
        return account.end_own_session(connection, context, secret, session.id, audit)

    done, uri = await beside(
        issuer,
        lambda: issuer.plane.use_cases.write(end, "test"),
        lambda: other.begin(ask_silently(other, browser)),
    )
    assert done
    assert "code=" not in uri


async def test_of_a_token_and_what_ends_its_family_neither_waits_for_ever(
    issuer: Issuer, other: Replica
) -> None:
    """Both lock what is the family's: in one order."""
    browser = issuer.browser()
    token = (await offline(issuer, browser))["refresh_token"]
    reply, _ = await beside(
        issuer,
        lambda: issuer.refresh(token, "other"),
        lambda: other.begin(change(other, "withdrawn", browser)),
    )
    assert reply.status_code == 200
    again = await issuer.refresh(reply.json()["refresh_token"], "other")
    assert error(again) == "invalid_grant"


async def test_a_secret_that_is_replaced_at_that_moment_gives_nothing_afterwards(
    issuer: Issuer, other: Replica
) -> None:
    """What it gave before is older than the not-before of the change."""
    issued, _ = await beside(
        issuer,
        lambda: issuer.token("reporting", grant_type="client_credentials"),
        lambda: other.begin(other.plane.administration.new_client_secret(ClientId("reporting"))),
    )
    said = claims_of(issuer, issued.json()["access_token"], ACCESS)
    found = await issuer.plane.transactions.database.read(
        lambda c: revocations.load_revocations(c, 0, START)
    )
    (at,) = [one.at for one in found if one.value == "reporting"]
    assert int(str(said["iat"])) <= numeric_date(at)
    refused = await issuer.token("reporting", grant_type="client_credentials")
    assert error(refused) == "invalid_client"


async def test_nobody_changes_what_is_a_persons_without_holding_them(database: Database) -> None:
    """A mistake of ours that would only show beside another use case: it shows at once."""
    audit = AuditContext("test", Instant(1), lambda: new_id("e"))
    ann, bob = UserId("ann"), UserId("bob")

    def use(connection: Connection) -> None:
        holds.hold_people(connection, bob)
        passwords.record_password(connection, bob, "hash", audit)
        passwords.record_password(connection, ann, "hash", audit)

    with pytest.raises(RuntimeError, match="not held"):
        await database.write(use)
    assert await database.read(lambda c: passwords.load_password(c, bob)) is None


async def test_an_event_that_is_sent_again_while_it_is_sequenced_is_in_the_log_once(
    issuer: Issuer, other: Replica
) -> None:
    """The log takes no event twice, and nothing after one that it refuses."""
    event = AuditEvent("e1", Instant(1), EventKind.DECISION, "ann", "orders/1")
    assert (await issuer.plane.fleet.ingest([event])).taken == 1
    _, again = await beside(
        issuer,
        issuer.plane.upkeep.sequence,
        lambda: other.begin(other.plane.fleet.ingest([event])),
        after=lambda tree: tree is not None,
    )
    assert again.taken == 0
    found = [body for body in await issuer.events() if '"e1"' in body]
    assert len(found) == 1


async def test_another_replica_does_not_issue_by_what_was_declared_before(
    issuer: Issuer, other: Replica
) -> None:
    """It has not looked since: `keep_fresh` does not run here."""
    token = (await offline(issuer))["refresh_token"]
    service = issuer.token("reporting", grant_type="client_credentials")
    assert (await service).status_code == 200
    await apply(
        other,
        changed(DeclarationKind.USER, "ann", roles=[]),
        changed(DeclarationKind.CLIENT, "other", scopes=["openid", "offline_access"]),
        changed(DeclarationKind.CLIENT, "reporting", disabled=True),
    )
    renewed = (await issuer.refresh(token, "other")).json()
    assert renewed["scope"] == "openid offline_access"
    assert "roles" not in claims_of(issuer, renewed["access_token"], ACCESS)
    refused = await issuer.token("reporting", grant_type="client_credentials")
    assert error(refused) == "invalid_client"


async def test_who_waited_for_a_change_issues_by_what_it_left(
    issuer: Issuer, other: Replica
) -> None:
    """The request came while the change was being written: its facts are those of after."""
    await asyncio.wrap_future(other.begin(other.plane.publication.refresh()))
    token = (await offline(issuer))["refresh_token"]
    request = ClientRequest(basic("other", issuer.secrets["other"]), refreshing(token))
    _, answer = await beside(
        issuer,
        lambda: issuer.apply(changed(DeclarationKind.USER, "ann", roles=[])),
        lambda: other.begin(
            other.plane.use_cases.write(lambda c, x, t: exchange(c, x, request, t), "t")
        ),
    )
    assert "roles" not in claims_of(issuer, str(answer.body["access_token"]), ACCESS)


def basic(client: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()


def refreshing(token: str) -> bytes:
    return urlencode({"grant_type": "refresh_token", "refresh_token": token}).encode()


async def test_who_is_overtaken_every_time_is_asked_to_come_again(
    issuer: Issuer, other: Replica
) -> None:
    names = iter(f"t{number}" for number in range(100))

    async def always() -> None:
        await apply(other, Declaration(DeclarationKind.TENANT, next(names), {}))

    with overtaken(issuer, always) as store:
        reply = await issuer.token("reporting", grant_type="client_credentials")
    assert (reply.status_code, store.writes) == (503, 3)
    assert reply.headers["retry-after"]
    again = await issuer.token("reporting", grant_type="client_credentials")
    assert again.status_code == 200


async def test_what_was_read_slowly_does_not_replace_what_came_meanwhile(issuer: Issuer) -> None:
    """A reading that began before a change ends after it."""
    plane = issuer.plane
    older = await publish.load_published(plane.transactions.database, plane.publication.key_file)
    await issuer.apply(changed(DeclarationKind.ROLE, "clerk", name="another"))
    newer = plane.published
    plane.publication.take(older)
    assert plane.published is newer


@contextlib.asynccontextmanager
async def replica_of(issuer: Issuer) -> AsyncIterator[ControlPlane]:
    plane = await ControlPlane.open(issuer.plane.settings, issuer.clock, envoy=ENVOY)
    yield plane
    await plane.close()


async def test_a_database_that_was_put_back_gives_nothing_until_that_is_said(
    issuer: Issuer,
) -> None:
    """What is in force here is not what it says, and what it says is older."""
    plane = issuer.plane
    await issuer.apply(changed(DeclarationKind.ROLE, "clerk", name="first"))
    newest = plane.published.version
    for table in (schema.snapshots, schema.versions, schema.changes):
        gone = delete(table).where(table.c.version == newest)
        await plane.transactions.database.write(lambda c, g=gone: c.execute(g).rowcount)  # type: ignore[misc]
    reply = await issuer.token("reporting", grant_type="client_credentials")
    assert reply.status_code == 503
    with pytest.raises(Unavailable, match="restored to"):
        await plane.publication.check()
    assert plane.published.version == newest
    issuer.clock.forward(1)
    async with replica_of(issuer) as another:  # it began with what the database says
        await another.administration.apply(
            [changed(DeclarationKind.ROLE, "clerk", name="second")], prune=False
        )
        assert another.published.version == newest
    again = await issuer.token("reporting", grant_type="client_credentials")
    assert again.status_code == 200, "the number is the same, and it is read anew"
    assert plane.published.configuration.roles["clerk"].name == "second"
    await plane.administration.restored(newest)
    await plane.publication.check()
    assert plane.published.edition[:2] == (2, newest + 1)
    again = await issuer.token("reporting", grant_type="client_credentials")
    assert again.status_code == 200
