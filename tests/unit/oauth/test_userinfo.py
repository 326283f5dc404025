"""What userinfo tells of a person: what the scopes say, no claim without a value (OIDC §5.3)."""

from collections.abc import Collection, Mapping

import pytest

from durward.core.configuration.user import User
from durward.core.oauth.userinfo import userinfo
from durward.core.values import UserId

ANN = User(tenant="acme", name="Ann Lee", email="ann@acme.example")


@pytest.mark.parametrize(
    ("scopes", "told"),
    [
        ((), {}),
        (("openid",), {}),
        (("openid", "profile"), {"name": "Ann Lee", "preferred_username": "ann"}),
        (("openid", "email"), {"email": "ann@acme.example"}),
        (("orders:read",), {}),
    ],
)
def test_each_scope_tells_its_own_claims(
    scopes: Collection[str], told: Mapping[str, object]
) -> None:
    assert userinfo(UserId("ann"), ANN, scopes) == {"sub": "ann", **told}


def test_a_claim_without_a_value_is_left_out() -> None:
    """OIDC Core §5.3.2: not sent as null or as an empty text."""
    told = userinfo(UserId("bob"), User(tenant="acme"), ("profile", "email"))
    assert told == {"sub": "bob", "preferred_username": "bob"}
