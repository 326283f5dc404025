"""The mails of a demo, shown at a page of this machine: nothing is sent to anybody.

Whoever reads them can use the links in them, so the page answers only to its own names (a page
elsewhere could have its name mean this address), and no other site can frame or read it.
"""

import argparse
import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html import escape
from pathlib import Path
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

SHOWN: Final = 100
HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
}
NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,80}\Z")
LINK: Final = re.compile(r"https?://[^\s<>\"']+")


def mailbox(folder: Path, port: int) -> Starlette:
    """The pages: all mails, and one of them."""
    own_names = {f"{host}:{port}" for host in ("127.0.0.1", "localhost", "[::1]")}

    async def list_mails(http: Request) -> Response:
        if http.headers.get("host") not in own_names:
            return page("Not here", "<p>This page has another address.</p>", 421)
        names = sorted(folder.glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
        rows = [row for path in names[: -SHOWN - 1 : -1] if (row := row_of(path))]
        return page("Mails of this demo", "\n".join(rows) or "<p>There is none yet.</p>")

    async def show_mail(http: Request) -> Response:
        if http.headers.get("host") not in own_names:
            return page("Not here", "<p>This page has another address.</p>", 421)
        name = http.path_params["name"]
        mail = read_mail(folder / f"{name}.eml") if NAME.match(name) else None
        if mail is None:
            return page("No such mail", '<p><a href="/">All mails</a></p>', 404)
        body = mail.get_body(("plain",))
        head = f"<p>To {escape(str(mail['To']))}, {escape(str(mail['Date']))}</p>"
        text = with_links(str(body.get_content())) if body else ""
        text = f'{head}<pre>{text}</pre><p><a href="/">All mails</a></p>'
        return page(str(mail["Subject"]), text)

    return Starlette(routes=[Route("/", list_mails), Route("/mail/{name}", show_mail)])


def row_of(path: Path) -> str:
    """One mail in the list; empty where it is gone meanwhile."""
    mail = read_mail(path)
    if mail is None:
        return ""
    link = f'<a href="/mail/{escape(path.stem)}">{escape(str(mail["Subject"]))}</a>'
    return f"<p>{link}<br>to {escape(str(mail['To']))}, {escape(str(mail['Date']))}</p>"


def read_mail(path: Path) -> EmailMessage | None:
    """A mail, if it is there."""
    try:
        return message_from_bytes(path.read_bytes(), policy=default)
    except OSError:
        return None


def with_links(text: str) -> str:
    """The text as HTML, its addresses as links."""
    pieces, end = [], 0
    for found in LINK.finditer(text):
        uri = escape(found[0])
        pieces += [escape(text[end : found.start()]), f'<a href="{uri}">{uri}</a>']
        end = found.end()
    return "".join([*pieces, escape(text[end:])])


def page(title: str, content: str, status: int = 200) -> HTMLResponse:
    """A page; `content` is HTML."""
    shown = escape(title)
    html = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{shown}</title>'
        "<style>body { font: 1rem/1.5 sans-serif; max-width: 44rem; margin: 2rem auto; "
        "padding: 0 1rem } pre { white-space: pre-wrap; overflow-wrap: anywhere }</style></head>"
        f"<body><h1>{shown}</h1>\n{content}\n</body></html>\n"
    )
    return HTMLResponse(html, status, HEADERS)


def main() -> None:
    """Serve the page."""
    options = argparse.ArgumentParser()
    options.add_argument("--folder", type=Path, required=True)
    options.add_argument("--port", type=int, required=True)
    given = options.parse_args()
    app = mailbox(given.folder, given.port)
    uvicorn.run(app, host="127.0.0.1", port=given.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
