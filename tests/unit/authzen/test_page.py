"""Pages of search results: together they have everybody once, in order, whatever their size."""

import pytest

from durward.core.authzen.page import MAX_LOOKED_AT, PersonPlace, page_of_people, paged
from durward.core.authzen.requests import Page
from durward.core.wire import encode_base64url

PLACES = [PersonPlace(f"c{n // 5}", f"p{n % 5}") for n in range(20)]
FOUND = {place for number, place in enumerate(PLACES) if number % 3 == 0}


def people(page: Page, places: list[PersonPlace] = PLACES) -> tuple[list[str], str]:
    behind = PersonPlace.of(page.token)
    steps = ((place, place in FOUND) for place in places if place > behind)
    return page_of_people(steps, page)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_the_pages_have_everybody_once(limit: int) -> None:
    listed: list[str] = []
    token, pages = "", 0
    while token or not pages:
        page, token = people(Page(token=token, limit=limit))
        assert len(page) <= limit
        listed += page
        pages += 1
    assert listed == [place.id for place in PLACES if place in FOUND]


def test_a_page_ends_where_enough_was_looked_at() -> None:
    """Nobody is found, and the next page goes on behind the last one that was looked at."""
    places = [PersonPlace("c", f"p{number:06}") for number in range(MAX_LOOKED_AT + 1)]
    listed, token = people(Page(token="", limit=10), places)
    assert listed == []
    assert PersonPlace.of(token) == places[MAX_LOOKED_AT - 1]
    assert people(Page(token=token, limit=10), places) == ([], "")


@pytest.mark.parametrize("text", ["", "no slash", "c\0/p", "c/p\0"])
def test_a_token_that_is_none_of_ours_begins_anew(text: str) -> None:
    assert PersonPlace.of(encode_base64url(text.encode())) == PersonPlace()
    assert PersonPlace.of("!") == PersonPlace()


def test_names_are_looked_at_no_further_than_the_page_needs() -> None:
    looked: list[str] = []

    def is_found(name: str) -> bool:
        looked.append(name)
        return name != "b"

    listed, token = paged("abcdef", Page(token="", limit=2), is_found)
    assert (listed, looked) == (["a", "c"], ["a", "b", "c", "d"])
    assert paged("abcdef", Page(token=token, limit=9), is_found) == (["d", "e", "f"], "")
