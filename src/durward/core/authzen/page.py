"""Pages of search results: a token says after which result the next page begins (§8.2.2)."""

from collections.abc import Callable, Iterable
from itertools import islice

from durward.core.authzen.requests import MAX_RESULTS, Page
from durward.core.errors import ProtocolError
from durward.core.wire import decode_base64url, encode_base64url


def paged(
    names: Iterable[str], page: Page, is_found: Callable[[str], bool]
) -> tuple[list[str], str]:
    """The results of a page, and the token of the next one, empty where there is none.

    `names` are all that could be found, in order; those before the page are not looked at, nor are
    more than are needed. A token that is none of ours begins anew.
    """
    after, limit = after_of(page.token), min(page.limit, MAX_RESULTS)
    found = (name for name in names if name > after and is_found(name))
    listed = list(islice(found, limit + 1))
    if len(listed) <= limit:
        return listed, ""
    return listed[:limit], encode_base64url(listed[limit - 1].encode())


def after_of(token: str) -> str:
    """After which result a page begins; the first where the token is none of ours."""
    try:
        return decode_base64url(token).decode()
    except (ProtocolError, UnicodeDecodeError):
        return ""
