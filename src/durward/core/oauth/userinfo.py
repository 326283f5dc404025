"""The claims of the userinfo endpoint, by scope (OIDC Core §5.3, §5.4)."""

from collections.abc import Collection, Mapping

from durward.core.configuration.user import User
from durward.core.values import UserId
from durward.core.wire import JsonLike


def userinfo(subject: UserId, user: User, scopes: Collection[str]) -> Mapping[str, JsonLike]:
    """The claims of the granted scopes; `sub` is that of the ID token (AS-78)."""
    claims: dict[str, JsonLike] = {"sub": subject}
    if "profile" in scopes:
        claims |= {"name": user.name or None, "preferred_username": subject}
    if "email" in scopes:
        claims |= {"email": user.email or None}
    return {name: value for name, value in claims.items() if value is not None}
