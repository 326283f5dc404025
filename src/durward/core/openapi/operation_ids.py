"""What operations are called: the ids of a document, the actions that policies name.

An id is kept as it is written. Its action takes letters, digits, `_`, `.` and `-` as they are; `/`
and `:` become `.`, anything else `-`, and the first letter is a capital: `repos/get-content` of the
API `code` is `code:Repos.get-content`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Final

MAX_ID_CHARACTERS: Final = 256
HASH_CHARACTERS: Final = 8

_ID = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?\Z")
_SEPARATOR = re.compile(r"[/:]")
_OTHER = re.compile(r"[^A-Za-z0-9_.-]")
_WORD = re.compile(r"[A-Za-z0-9]+")


def is_id(identity: object) -> bool:
    """Whether a text can be an operation's id: printable ASCII with a letter or digit in it."""
    return (
        isinstance(identity, str)
        and len(identity) <= MAX_ID_CHARACTERS
        and bool(_ID.match(identity))
        and bool(_WORD.search(identity))
    )


def action_of(api: str, identity: str) -> str:
    """The action of an operation that names none itself."""
    name = _OTHER.sub("-", _SEPARATOR.sub(".", identity))
    return f"{api}:{name[0].upper()}{name[1:]}"


def made_ids(
    nameless: Sequence[tuple[str, str]], taken: Iterable[str]
) -> Mapping[tuple[str, str], str]:
    """An id for each (method, path) that has none, whatever their order: `GetPetsPetId`.

    Those that would be named alike, or as an operation that has an id, carry a part of the hash of
    their path.
    """
    plain = {one: _plain(*one) for one in nameless}
    often = Counter(identity.lower() for identity in (*plain.values(), *taken))
    return {
        (method, path): _hashed(identity, path)
        if often[identity.lower()] > 1 or len(identity) > MAX_ID_CHARACTERS
        else identity
        for (method, path), identity in plain.items()
    }


def alike(actions: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Pairs of ids, out of (id, action), whose actions are the same but for case."""
    known: dict[str, str] = {}
    for identity, action in actions:
        other = known.setdefault(action.lower(), identity)
        if other.lower() != identity.lower():
            yield other, identity


def _plain(method: str, path: str) -> str:
    words = _WORD.findall(path)
    return method.capitalize() + "".join(word[0].upper() + word[1:] for word in words)


def _hashed(identity: str, path: str) -> str:
    kept = identity[: MAX_ID_CHARACTERS - HASH_CHARACTERS - 1]
    return f"{kept}-{sha256(path.encode()).hexdigest()[:HASH_CHARACTERS]}"
