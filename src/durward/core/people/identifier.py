"""Login names and e-mail addresses, compared by one canonical form.

Two spellings of a name are one name, and two names are never one: a name without a canonical form
is refused, not approximated.
"""

import re
import unicodedata
from enum import StrEnum
from typing import Final

import idna
from precis_i18n import get_profile

MAX_CHARACTERS: Final = 200
MAX_LOCAL_BYTES: Final = 64
"""RFC 5321 §4.5.3.1.1."""
AT: Final = "@"
_WIDE: Final = {0xFF20: "@", 0xFF0E: ".", 0x3002: ".", 0xFF61: "."}
"""Other spellings of `@` and of the dots of a domain (RFC 3490 §3.1)."""
_PARTS: Final = re.compile(r"[@.]")
_LOOK_ALIKE: Final = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"})
"""Scripts whose letters look alike, as Unicode names of characters begin."""
_PROFILE: Final = get_profile("UsernameCaseMapped")
_PLAIN: Final = re.compile(r"[!-~]+\Z")
"""RFC 8265 §3.3 changes only the case of these characters."""
_PLAIN_DOMAIN: Final = re.compile(
    r"(?:(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.(?!\Z)|\Z))+\Z"
)
"""Labels of letters, digits and hyphens without A-labels: IDNA does not change them."""


class IdentifierKind(StrEnum):
    """What an identifier is."""

    LOGIN = "login"
    EMAIL = "email"


def canonical(spelled: str) -> str:
    """The canonical form of a login name or an e-mail address.

    With an `@` it is that of an address (`canonical_email`), else that of a user name (RFC 8265
    §3.3: width mapped, lower case, NFC). Raises ValueError with the problem.
    """
    spelled = spelled.translate(_WIDE)
    return canonical_email(spelled) if AT in spelled else _user_name(spelled)


def canonical_email(spelled: str) -> str:
    """An address in canonical form: its local part as a user name, its domain as A-labels (IDNA).

    No mail server is known to distinguish upper and lower case in the local part; people do type it
    in either case. Quoted local parts and address literals (RFC 5321 §4.1.2, §4.1.3) are refused.
    Raises ValueError with the problem.
    """
    spelled = spelled.translate(_WIDE)
    _bounded(spelled)
    local, at, domain = spelled.rpartition(AT)
    domain = domain.removesuffix(".")
    if not at or not local or not domain or AT in local or '"' in local:
        raise ValueError(f"`{spelled}` is no e-mail address")
    name = _user_name(local)
    if len(name.encode()) > MAX_LOCAL_BYTES:
        raise ValueError(f"what is before the `@` has more than {MAX_LOCAL_BYTES} bytes")
    if _PLAIN_DOMAIN.match(host := domain.lower()) and domain.isascii():
        return f"{name}{AT}{host}"
    try:
        host = idna.encode(domain, uts46=True, transitional=False).decode().lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise ValueError(f"`{domain}` is no domain name: {error}") from None
    return f"{name}{AT}{host}"


def canonical_or_none(spelled: str) -> str | None:
    """The canonical form of typed text; None if no identifier can have that form."""
    try:
        return canonical(spelled)
    except ValueError:
        return None


def mixes_scripts(spelled: str) -> bool:
    """Whether a part of it has letters of two scripts that look alike (UTS 39 §5.1, §5.2).

    A name with one Cyrillic letter among Latin ones reads as the name of another person. A name in
    one script is accepted, even if each letter looks like one of another script.
    """
    if spelled.isascii():
        return False
    for part in _PARTS.split(unicodedata.normalize("NFKC", spelled)):
        letters = (each for each in part if unicodedata.category(each)[0] == "L")
        scripts = {unicodedata.name(each, "").partition(" ")[0] for each in letters}
        if len(scripts & _LOOK_ALIKE) > 1:
            return True
    return False


def _user_name(spelled: str) -> str:
    _bounded(spelled)
    if _PLAIN.match(spelled):
        return spelled.lower()
    try:
        return str(_PROFILE.enforce(spelled))
    except UnicodeEncodeError as error:
        raise ValueError(f"`{spelled}` is no login name: {_reason(error)}") from None


def _reason(error: UnicodeEncodeError) -> str:
    """The rule of the user name class (RFC 8264 §4.2) that the name breaks."""
    if not error.object:
        return "it is empty"
    found = error.object[error.start : error.end]
    return f"it may not have {found!a} at character {error.start + 1}"


def _bounded(spelled: str) -> None:
    if len(spelled) > MAX_CHARACTERS:
        raise ValueError(f"it has more than {MAX_CHARACTERS} characters")
