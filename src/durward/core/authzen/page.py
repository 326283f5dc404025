"""Pages of search results: a token names the last result of the page before (§8.2.2)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final

from durward.core.authzen.requests import MAX_RESULTS, Page
from durward.core.errors import ProtocolError
from durward.core.wire import decode_base64url, encode_base64url


def paged(
    names: Iterable[str], page: Page, is_found: Callable[[str], bool]
) -> tuple[list[str], str]:
    """The results of a page, and the token of the next one; empty if there is none.

    `names` are all candidates, in order; only those that the page needs are decided. An invalid
    token starts anew.
    """
    after, limit = after_of(page.token), min(page.limit, MAX_RESULTS)
    found = (name for name in names if name > after and is_found(name))
    listed = list(islice(found, limit + 1))
    if len(listed) <= limit:
        return listed, ""
    return listed[:limit], encode_base64url(listed[limit - 1].encode())


def after_of(token: str) -> str:
    """The result after which a page begins; empty, the beginning, for an invalid token."""
    try:
        return decode_base64url(token).decode()
    except (ProtocolError, UnicodeDecodeError):
        return ""


MAX_LOOKED_AT: Final = 2_000
"""The classes and people that one page decides about: about 0.1 s."""


@dataclass(frozen=True, slots=True, order=True)
class PersonPlace:
    """A position among people, who are sorted by class and then by id."""

    class_key: str = ""
    id: str = ""

    def token(self) -> str:
        """The token of the page that begins after this position."""
        return encode_base64url(f"{self.class_key}/{self.id}".encode())

    @classmethod
    def of(cls, token: str) -> "PersonPlace":
        """The position of a token; the beginning for an invalid one. No id has a `/`."""
        class_key, slash, id = after_of(token).partition("/")
        return cls(class_key, id) if slash and "\0" not in class_key + id else cls()


def page_of_people(steps: Iterable[tuple[PersonPlace, bool]], page: Page) -> tuple[list[str], str]:
    """The people of a page, and the token of the next one; empty if there is none.

    `steps` are positions in order, each with whether a person was found there. A page ends after
    `MAX_LOOKED_AT` of them, even if it is not full.
    """
    limit, found = min(page.limit, MAX_RESULTS), list[str]()
    place = PersonPlace.of(page.token)
    for count, (next_place, is_found) in enumerate(steps, 1):
        if is_found and len(found) == limit:
            return found, place.token()
        if is_found:
            found.append(next_place.id)
        place = next_place
        if count >= MAX_LOOKED_AT:
            return found, place.token()
    return found, ""
