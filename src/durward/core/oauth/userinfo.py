"""The claims of the userinfo endpoint, by scope (OIDC Core §5.3, §5.4)."""

from collections.abc import Collection, Mapping

from durward.core.people.person import Person
from durward.core.wire import JsonLike


def userinfo(user: Person, scopes: Collection[str]) -> Mapping[str, JsonLike]:
    """The claims of the granted scopes; `sub` is that of the ID token (AS-78)."""
    claims: dict[str, JsonLike] = {"sub": user.id}
    if "profile" in scopes:
        claims |= {
            "name": user.name or None,
            "preferred_username": user.login,
            "locale": user.locale or None,
        }
    if "email" in scopes:
        claims |= {"email": user.email or None}
        claims |= {"email_verified": user.email_verified} if user.email else {}
    return {name: value for name, value in claims.items() if value is not None}
