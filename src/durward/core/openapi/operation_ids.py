"""The names of operations: ids of a document, and actions of policies.

An id is kept as written. Its action keeps letters, digits, `_`, `.` and `-`; `/` and `:` become
`.`, anything else `-`, and the first letter a capital: `repos/get-content` of the API `code` is
`code:Repos.get-content`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
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
    """The action of an operation without an `action` of its own."""
    name = _OTHER.sub("-", _SEPARATOR.sub(".", identity))
    return f"{api}:{name[0].upper()}{name[1:]}"


def ids_of(operations: Sequence[tuple[str, str, str | None]]) -> Mapping[tuple[str, str], str]:
    """The id of each (method, path, written id), whatever their order.

    Without a written id: `GetPetsPetId`. Ids that are equal but for case get a part of a hash of
    their difference; a generated id gives way to a written one.
    """
    written = Counter(each.lower() for _, _, each in operations if each is not None)
    made = Counter(_plain(m, path).lower() for m, path, each in operations if each is None)
    ids: dict[tuple[str, str], str] = {}
    for method, path, identity in operations:
        plain = _plain(method, path) if identity is None else identity
        often = written[plain.lower()] + (made[plain.lower()] if identity is None else 0)
        if often > 1 or len(plain) > MAX_ID_CHARACTERS:
            plain = _hashed(plain, path if identity is None else f"{method} {path}")
        ids[method, path] = plain
    return ids


def actions_of(api: str, ids: Iterable[str]) -> Mapping[str, str]:
    """The action of each id; ids with the same action get a part of a hash of the id."""
    plain = {identity: action_of(api, identity) for identity in ids}
    often = Counter(action.lower() for action in plain.values())
    return {
        identity: _hashed(action, identity) if often[action.lower()] > 1 else action
        for identity, action in plain.items()
    }


def is_hashed(name: str, plain: str) -> bool:
    """Whether a name is `plain` with a part of a hash."""
    return name != plain and name.startswith(f"{plain[: MAX_ID_CHARACTERS - HASH_CHARACTERS - 1]}-")


def _plain(method: str, path: str) -> str:
    words = _WORD.findall(path)
    return method.capitalize() + "".join(word[0].upper() + word[1:] for word in words)


def _hashed(name: str, apart: str) -> str:
    kept = name[: MAX_ID_CHARACTERS - HASH_CHARACTERS - 1]
    return f"{kept}-{sha256(apart.encode()).hexdigest()[:HASH_CHARACTERS]}"
