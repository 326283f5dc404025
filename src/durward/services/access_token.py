"""Verify access tokens at the endpoints of the issuer itself."""

from collections.abc import Mapping

from durward.core.jose.jwt import verify_jwt
from durward.core.oauth.claims import ACCESS_TOKEN_TYPE
from durward.core.values import Instant, Seconds
from durward.core.wire import Json
from durward.services.context import Context
from durward.services.keyring import ACCESS, ALGORITHMS


def verify_access_token(
    context: Context, token: str, *, audience: str, now: Instant
) -> Mapping[str, Json]:
    """The claims of an unexpired token that was issued for `audience`.

    The caller checks that its grant has not ended. There is no skew, since the issuer reads its
    own clock. Raises ProtocolError `invalid_token`.
    """
    return verify_jwt(
        token,
        keys=context.keys(ACCESS, now),
        algorithms=(ALGORITHMS[ACCESS],),
        types=(ACCESS_TOKEN_TYPE,),
        issuer=context.issuer,
        audiences=(audience,),
        now=now,
        skew=Seconds(0),
    )
