"""What userinfo tells of a person: what the scopes say, no claim without a value (OIDC §5.3)."""

from collections.abc import Collection, Mapping

import pytest

from durward.core.oauth.userinfo import userinfo
from durward.core.people.person import Email, Entitlements, Person
from durward.core.values import UserId

ANN = Person(
    *(UserId("p_1"), Entitlements.of("acme"), ("ann",), (Email("ann@acme.example"),)),
    name="Ann Lee",
)


@pytest.mark.parametrize(
    ("scopes", "told"),
    [
        ((), {}),
        (("openid",), {}),
        (("openid", "profile"), {"name": "Ann Lee", "preferred_username": "ann"}),
        (("openid", "email"), {"email": "ann@acme.example", "email_verified": False}),
        (("orders:read",), {}),
    ],
)
def test_each_scope_tells_its_own_claims(
    scopes: Collection[str], told: Mapping[str, object]
) -> None:
    assert userinfo(ANN, scopes) == {"sub": "p_1", **told}


def test_a_claim_without_a_value_is_left_out() -> None:
    """OIDC Core §5.3.2: not sent as null or as an empty text."""
    told = userinfo(Person(UserId("bob"), Entitlements.of("acme")), ("profile", "email"))
    assert told == {"sub": "bob", "preferred_username": "bob"}
