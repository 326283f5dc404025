"""Requests of a command, each with a line on standard error."""

import time
from typing import Any

import httpx2

from durward.core.errors import Misconfigured, Unavailable
from durward.entrypoints.terminal import warn


def step(http: httpx2.Client, method: str, url: str, **content: Any) -> httpx2.Response:
    """Send a request, and print a line on standard error. Raises Unavailable or Misconfigured."""
    started = time.perf_counter()
    try:
        reply = http.request(method, url, **content)
    except httpx2.HTTPError as error:
        raise Unavailable(f"{url} does not answer: {error}") from error
    except httpx2.InvalidURL as error:
        raise Misconfigured(repr(url), f"not a URL: {error}") from error
    took = (time.perf_counter() - started) * 1000
    # Parameters stay out of the line: codes are secrets while they live.
    shown = url.partition("?")[0]
    warn(f"{method:4} {shown}  {reply.status_code}  {took:.0f} ms")
    return reply


def understood(reply: httpx2.Response) -> dict[str, Any]:
    """The JSON of a successful response. Raises Misconfigured with the response otherwise."""
    if not reply.is_success:
        shown = str(reply.url).partition("?")[0]
        raise Misconfigured(shown, f"answers {reply.status_code}: {reply.text[:300]}")
    try:
        found = reply.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Misconfigured(str(reply.url).partition("?")[0], "answers no JSON object")
    return found
