"""What is canonical at once, without PRECIS and IDNA, is what these make of it."""

import idna
from hypothesis import example, given
from hypothesis import strategies as st
from precis_i18n import get_profile

from durward.core.people.identifier import canonical_email, canonical_or_none

PROFILE = get_profile("UsernameCaseMapped")
LABELS = st.text("abzABZ019-.x\u00e9\u0130\u212a", max_size=70)


def by_precis(spelled: str) -> str | None:
    try:
        return str(PROFILE.enforce(spelled))
    except UnicodeEncodeError:
        return None


def by_idna(domain: str) -> str | None:
    try:
        return idna.encode(domain, uts46=True, transitional=False).decode().lower()
    except (idna.IDNAError, UnicodeError):
        return None


def test_every_character_of_ascii_is_as_precis_has_it() -> None:
    for number in range(128):
        for spelled in (chr(number), f"a{chr(number)}Z"):
            if "@" not in spelled:
                assert canonical_or_none(spelled) == by_precis(spelled), spelled


@given(LABELS)
@example("a.b")
@example("a..b")
@example("a.")
@example("ab--c.d")
@example("xn--a")
@example("-a.b")
@example("a-.b")
@example("A" * 63 + ".b")
@example("A" * 64 + ".b")
@example("\u212a.example")
def test_every_domain_is_as_idna_has_it(domain: str) -> None:
    relative = domain.removesuffix(".")  # the root: with it and without it is one domain
    host = by_idna(relative) if relative else None
    try:
        found = canonical_email(f"a@{domain}")
    except ValueError:
        assert host is None
    else:
        assert found == f"a@{host}"
