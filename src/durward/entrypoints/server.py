"""The control plane as a process: two applications on two sockets."""

import asyncio
import signal
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from durward.core.errors import Unavailable
from durward.core.values import Seconds
from durward.entropy import jittered
from durward.entrypoints.http import (
    admin,
    authzen,
    groups,
    link,
    log,
    metadata,
    nodes,
    par,
    people,
    people_import,
    token,
    token_revocation,
    userinfo,
    waivers,
)
from durward.entrypoints.http.budgets import TOO_MANY, Budgeted
from durward.entrypoints.http.correction_lines import Corrections
from durward.entrypoints.http.cross_origin import CrossOrigin
from durward.entrypoints.http.failures import GONE, Incidents, come_back, not_now
from durward.entrypoints.http.listener import serve
from durward.entrypoints.operator_messages import report
from durward.entrypoints.pages import (
    account,
    forgotten_password,
    interaction,
    logout,
    password_change,
    render,
)
from durward.entrypoints.process import until_ended
from durward.settings import MailSettings, ServeSettings
from durward.wiring import ControlPlane

PUBLIC_SOCKET, CONTROL_SOCKET = "public.sock", "control.sock"
START_SECONDS = 60.0
"""The time to wait for the database at start; then the supervisor must restart this process."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 2.0
SLOW_SECONDS, STUCK_SECONDS = 10.0, 60.0
"""A verification takes a twentieth of a second, half a second under load. After the first limit
the process is not ready; after the second the verification hangs, and a restart helps."""


async def run(settings: ServeSettings, mail: MailSettings | None = None) -> None:
    """Serve until asked to end: clients on one socket, edges and operators on the other."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    plane = await open_control_plane(settings, ended, mail)
    if plane is None:
        return
    runtime = Path(settings.runtime)
    applications = {
        runtime / PUBLIC_SOCKET: public(plane),
        runtime / CONTROL_SOCKET: control(plane),
    }
    serving = asyncio.create_task(serve(applications, ended))
    tasks = [
        asyncio.create_task(plane.upkeep.keep_fresh(report)),
        asyncio.create_task(plane.upkeep.keep_sequencing(report)),
        asyncio.create_task(plane.upkeep.keep_tidy(report)),
        asyncio.create_task(plane.recovery.keep_answering(report)),
        asyncio.create_task(plane.upkeep.keep_mailing(report)),
    ]
    try:
        await until_ended(ended, [serving, *tasks])
    finally:
        ended.set()
        plane.publication.release()
        await serving
        for task in tasks:
            task.cancel()
        await plane.close()


async def open_control_plane(
    settings: ServeSettings, ended: asyncio.Event, mail: MailSettings | None = None
) -> ControlPlane | None:
    """The control plane, once its database is there: both may start at the same time.

    None if asked to end meanwhile. Raises Unavailable after a minute, or at once if waiting would
    not help.
    """
    asked = asyncio.create_task(ended.wait())
    loop = asyncio.get_running_loop()
    patient_until, pause = loop.time() + START_SECONDS, FIRST_PAUSE_SECONDS
    try:
        while not ended.is_set():
            opening = asyncio.create_task(ControlPlane.open(settings, mail=mail))
            await asyncio.wait({asked, opening}, return_when=asyncio.FIRST_COMPLETED)
            if not opening.done():
                opening.cancel()
                await asyncio.wait({opening})
                break
            try:
                return opening.result()
            except Unavailable as error:
                if not error.passes or loop.time() > patient_until:
                    raise
                if pause == FIRST_PAUSE_SECONDS:
                    report(f"{error}; it is waited for, {START_SECONDS:g} s at most")
            await asyncio.wait({asked}, timeout=jittered(pause))
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
    finally:
        asked.cancel()
    return None


def public(plane: ControlPlane) -> Starlette:
    """The application for clients, behind the edge."""
    incidents = Incidents(plane.now, report)
    corrections = Corrections(plane.now, report)

    async def broken(_: Request, error: Exception) -> Response:
        """The page for a bug: it shows only the id, and the log has the rest."""
        text = f"It is known as incident {incidents.record(error)}."
        return render.message("This is our mistake", text, 500)

    return Starlette(
        routes=[
            *metadata.routes(plane),
            *token.routes(plane, corrections),
            *par.routes(plane, corrections),
            *token_revocation.routes(plane, corrections),
            *userinfo.routes(plane),
            *authzen.routes(plane),
            *interaction.routes(plane, corrections),
            *logout.routes(plane),
            *account.routes(plane),
            *password_change.routes(plane),
            *forgotten_password.routes(plane),
            *render.style(),
        ],
        middleware=[
            # Outside of the budgets: a page should be able to read that it asked too often.
            Middleware(CrossOrigin, lambda: plane.published.configuration.page_origins),
            Middleware(Budgeted, plane.now, plane.upkeep.unrecorded.refuse, crowded),
        ],
        exception_handlers={**GONE, Unavailable: unavailable_page, Exception: broken},
    )


def crowded(wait: Seconds) -> Response:
    """The page if the budget of a source is used up."""
    text = f"Too many requests came from your network. Try again in {wait} seconds."
    return render.message("Come back in a moment", text, TOO_MANY)


async def unavailable_page(_: Request, error: Exception) -> Response:
    """The page while the store is away: no code is given."""
    assert isinstance(error, Unavailable)  # noqa: S101 - it is registered for that
    page = render.message("Come back in a moment", "The service is busy with itself.", 503)
    return come_back(page, error)


def control(plane: ControlPlane) -> Starlette:
    """The application for edges and operators, on a socket that only their account can open."""
    incidents = Incidents(plane.now, report)

    async def alive(_: Request) -> Response:
        try:
            plane.passwords.check(STUCK_SECONDS)
        except Unavailable as error:
            return not_now(error)
        return PlainTextResponse("ok")

    async def ready(_: Request) -> Response:
        try:
            await plane.publication.check()
            plane.passwords.check(SLOW_SECONDS)
            notes = [*await plane.upkeep.log_notes(), *await plane.upkeep.mail_notes()]
        except Unavailable as error:
            return not_now(error)
        # Problems of the log and of mails do not change readiness: both wait in the store.
        return PlainTextResponse("\n".join(["ok", *notes]))

    async def broken(_: Request, error: Exception) -> Response:
        return PlainTextResponse(f"incident {incidents.record(error)}", 500)

    async def busy(_: Request, error: Exception) -> Response:
        assert isinstance(error, Unavailable)  # noqa: S101 - it is registered for that
        return not_now(error)

    return Starlette(
        routes=[
            Route("/livez", alive),
            Route("/readyz", ready),
            *link.routes(plane),
            *admin.routes(plane),
            *people.routes(plane),
            *groups.routes(plane),
            *waivers.routes(plane),
            *people_import.routes(plane),
            *nodes.routes(plane),
            *log.routes(plane),
        ],
        exception_handlers={**GONE, Unavailable: busy, Exception: broken},
    )
