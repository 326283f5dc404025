"""Pages of search results: a token says after which result the next page begins (§8.2.2)."""

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


MAX_LOOKED_AT: Final = 2_000
"""Classes and people that one page of people decides about: about 0.1 s."""


@dataclass(frozen=True, slots=True, order=True)
class PersonPlace:
    """A place among people in the order of their classes, and in each of their ids."""

    class_key: str = ""
    id: str = ""

    def token(self) -> str:
        """How a page says that the next one begins behind this place."""
        return encode_base64url(f"{self.class_key}/{self.id}".encode())

    @classmethod
    def of(cls, token: str) -> "PersonPlace":
        """The place of a token; the beginning where it is none of ours. No id has a `/`."""
        class_key, slash, id = after_of(token).partition("/")
        return cls(class_key, id) if slash and "\0" not in class_key + id else cls()


def page_of_people(steps: Iterable[tuple[PersonPlace, bool]], page: Page) -> tuple[list[str], str]:
    """The people of a page, and the token of the next one, empty where there is none.

    `steps` are the places that are looked at, in order, and whether somebody was found there. A
    page ends after `MAX_LOOKED_AT` of them, also if it is not full.
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
