"""The userinfo endpoint: who signed in, for a client that was told so (OIDC Core §5.3)."""

from collections.abc import Mapping

from sqlalchemy import Connection

from durward.core.audit.event import AuditContext
from durward.core.errors import ErrorCode, ProtocolError
from durward.core.oauth.scopes import OPENID
from durward.core.oauth.standing import Keeps
from durward.core.oauth.userinfo import userinfo
from durward.core.values import GrantId, SessionId, UserId
from durward.core.wire import Json, JsonLike
from durward.services.access_token import verify_access_token
from durward.services.context import Context
from durward.services.sessions import find_able
from durward.services.standing import standing_now
from durward.store.grants import find_grant
from durward.store.sessions import load_session


def load_claims(
    connection: Connection, context: Context, token: str, audit: AuditContext
) -> Mapping[str, JsonLike]:
    """The claims about the person of an access token that is good now, asked of the store.

    Raises ProtocolError `invalid_token` or `insufficient_scope`.
    """
    claims = verify_access_token(context, token, audience=context.issuer, now=audit.at)
    scopes = str(claims.get("scope", "")).split()
    if OPENID not in scopes:
        raise ProtocolError(ErrorCode.INSUFFICIENT_SCOPE, "the token lacks `openid`")
    subject = UserId(str(claims.get("sub")))
    user = find_able(connection, subject)
    left = [scope for scope in scopes if scope in _kept(connection, context, claims, audit)]
    if user is None or OPENID not in left:
        raise ProtocolError(ErrorCode.INVALID_TOKEN, "the token is not valid any more")
    return userinfo(user, left)


def _kept(
    connection: Connection, context: Context, claims: Mapping[str, Json], audit: AuditContext
) -> tuple[str, ...]:
    """The scopes that are left of the token's grant now; none where it or its session is over."""
    grant = find_grant(connection, GrantId(str(claims.get("grant"))))
    if grant is None or grant.ended_at is not None:
        return ()
    if "sid" in claims:
        session = load_session(connection, SessionId(str(claims["sid"])))
        if session is None or not session.is_live(audit.at, context.sessions):
            return ()
    kept = standing_now(connection, context.published.configuration, grant)
    return kept.scopes if isinstance(kept, Keeps) else ()
