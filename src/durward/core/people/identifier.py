"""What people sign in with: login names and e-mail addresses, compared by one canonical form.

Two spellings of a name are one name, and two names are never one: what has no canonical form is
refused, not approximated.
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
"""Other spellings of the signs that part an address (RFC 3490 §3.1 for the dots)."""
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
    """The form by which an identifier is compared: alike for a login name and an e-mail address.

    With an `@` it is one as an address (`canonical_email`), else as a user name (RFC 8265 §3.3:
    width mapped, lower case, NFC). Raises ValueError with what is wrong.
    """
    spelled = spelled.translate(_WIDE)
    return canonical_email(spelled) if AT in spelled else _user_name(spelled)


def canonical_email(spelled: str) -> str:
    """An address in canonical form: its local part as a user name, its domain as A-labels (IDNA).

    Mail servers that tell apart upper and lower case in the local part are not known to exist;
    people who type it otherwise are. Quoted local parts and address literals (RFC 5321 §4.1.2,
    §4.1.3) are refused. Raises ValueError with what is wrong.
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
    """The canonical form of what somebody typed; None where nobody can be called so."""
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
    """What of the user name class (RFC 8264 §4.2) it does not fit."""
    if not error.object:
        return "it is empty"
    found = error.object[error.start : error.end]
    return f"it may not have {found!a} at character {error.start + 1}"


def _bounded(spelled: str) -> None:
    if len(spelled) > MAX_CHARACTERS:
        raise ValueError(f"it has more than {MAX_CHARACTERS} characters")
