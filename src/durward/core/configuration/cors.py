"""Pages of other origins that may call an API, as they are declared (CORS)."""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from durward.core.configuration.declaration import Names, Text
from durward.core.configuration.redirect_uri import check_origin
from durward.core.cors import ANY_ORIGIN, REMEMBERED_SECONDS, Cors
from durward.core.duration import read_duration
from durward.core.errors import Misconfigured

MAX_ORIGINS: Final = 100
MAX_HEADERS: Final = 100
SUBDOMAINS: Final = "https://*."
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'+.^`|~-]{1,64}\Z", re.ASCII)
"""A header's name (RFC 9110 §5.1), without `_`, which the edge refuses, and `*`."""


class DeclaredCors(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Pages of other origins that may call the API from a browser (CORS).

    The edge answers preflights, and replaces what the service says about it.
    """

    origins: Names
    """Where the pages are: `https://app.example.com`; `https://*.example.com` is every name one
    label below it, `*` every page."""
    headers: Names = ()
    """The request headers that they may set, beside `authorization` and `content-type`."""
    expose: Names = ()
    """The response headers that they may read, beside those of the edge."""
    credentials: bool = False
    """Browsers send the cookies of the API along; never with the origin `*`."""
    max_age: Text = f"{REMEMBERED_SECONDS // 60}m"
    """The time that a browser may remember the answer to a preflight."""


def read_cors(declared: DeclaredCors) -> Cors:
    """Read the member `cors` of an API. Raises Misconfigured."""
    if not declared.origins:
        hint = "write `origins: [https://app.example.com]`, or leave `cors` out"
        raise Misconfigured("cors/origins", "is empty", hint=hint)
    if len(declared.origins) > MAX_ORIGINS:
        raise Misconfigured("cors/origins", f"has more than {MAX_ORIGINS}", hint="name a domain")
    for origin in declared.origins:
        check_page_origin(origin)
    if ANY_ORIGIN in declared.origins:
        if len(declared.origins) > 1:
            hint = "write `*` alone, or the origins"
            raise Misconfigured("cors/origins", "has `*` and others", hint=hint)
        if declared.credentials:
            problem = "is not possible with the origin `*`: every page could act for its visitors"
            raise Misconfigured("cors/credentials", problem, hint="write the origins")
    return Cors(
        tuple(sorted({*declared.origins})),
        tuple(sorted(_names(declared.headers, "cors/headers"))),
        tuple(sorted(_names(declared.expose, "cors/expose"))),
        declared.credentials,
        int(read_duration(declared.max_age, "cors/max_age", "0s", "24h")),
    )


def check_page_origin(origin: str) -> None:
    """An origin as browsers send it (RFC 6454 §6.2), or a pattern. Raises Misconfigured.

    A pattern stands for names one label below a domain that has two labels itself, by `https`.
    """
    if origin == ANY_ORIGIN:
        return
    if origin == "null":
        problem = "`null` is the origin of any sandboxed page, and of files"
        raise Misconfigured("cors/origins", problem, hint="write the address of the page")
    plain = origin
    if not origin.startswith(("https://", "http://")):
        hint = "write `https://app.example.com`, in lower case"
        raise Misconfigured("cors/origins", f"{origin!a} is not the origin of a page", hint=hint)
    if origin.startswith(SUBDOMAINS):
        plain = f"https://{origin.removeprefix(SUBDOMAINS)}"
    try:
        check_origin(plain)
    except Misconfigured as error:
        hint = error.hint or "write `https://app.example.com`"
        raise Misconfigured("cors/origins", f"`{origin}`: {error.problem}", hint=hint) from error
    host = plain.removeprefix("https://").partition(":")[0]
    if plain != origin and ("." not in host or host.rpartition(".")[2].isdigit()):
        hint = "write a domain with two labels at least: `https://*.example.com`"
        raise Misconfigured("cors/origins", f"`{origin}`: too many names", hint=hint)


def _names(names: Names, member: str) -> Iterator[str]:
    if len(names) > MAX_HEADERS:
        raise Misconfigured(member, f"has more than {MAX_HEADERS} names", hint="write fewer")
    for name in names:
        if not _HEADER.match(name):
            hint = "write each header by its name: `if-match`"
            raise Misconfigured(member, f"`{name}` is not the name of a header", hint=hint)
        yield name.lower()
