"""The userinfo endpoint: who signed in, for a client that was told so (OIDC Core §5.3)."""

from collections.abc import Mapping

from sqlalchemy import Connection

from durward.core.audit.event import Trail
from durward.core.errors import ErrorCode, ProtocolError
from durward.core.oauth.scopes import OPENID
from durward.core.oauth.userinfo import userinfo
from durward.core.values import GrantId, SessionId, UserId
from durward.core.wire import Json, JsonLike
from durward.services.access_token import verify_access_token
from durward.services.context import Context
from durward.services.sessions import person
from durward.store.grants import find_grant
from durward.store.sessions import load_session


def tell(
    connection: Connection, context: Context, token: str, trail: Trail
) -> Mapping[str, JsonLike]:
    """The claims about the person of an access token that is good now, asked of the store.

    Raises ProtocolError `invalid_token` or `insufficient_scope`.
    """
    claims = verify_access_token(context, token, audience=context.issuer, now=trail.at)
    scopes = str(claims.get("scope", "")).split()
    if OPENID not in scopes:
        raise ProtocolError(ErrorCode.INSUFFICIENT_SCOPE, "the token lacks `openid`")
    subject = UserId(str(claims.get("sub")))
    user = person(context, subject)
    if user is None or not _is_alive(connection, context, claims, trail):
        raise ProtocolError(ErrorCode.INVALID_TOKEN, "the token is not valid any more")
    return userinfo(subject, user, scopes)


def _is_alive(
    connection: Connection, context: Context, claims: Mapping[str, Json], trail: Trail
) -> bool:
    grant = find_grant(connection, GrantId(str(claims.get("grant"))))
    if grant is None or grant.ended_at is not None:
        return False
    if "sid" not in claims:
        return True
    session = load_session(connection, SessionId(str(claims["sid"])))
    return session is not None and session.is_live(trail.at, context.sessions)
