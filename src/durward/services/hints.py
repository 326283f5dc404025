"""ID tokens as hints, signed by present or former keys."""

from sqlalchemy import Connection

from durward.core.jose.jwk import KeySet
from durward.core.jose.jws import key_named
from durward.core.oauth.id_token import Hint, verify_hint
from durward.core.wire import parse_json
from durward.services.context import Context
from durward.services.keyring import IDENTITY, MAX_JWK_BYTES
from durward.store.keys import load_public_key


def read_hint(connection: Connection, context: Context, token: str) -> Hint:
    """Read a hint, even if the ID token and its key have expired (AS-76, AS-83).

    OpenID Connect RP-Initiated Logout 1.0 §2 requires to accept expired ones: an application may
    keep one as long as the user is signed in. An ID token of a compromised key is refused. Raises
    ProtocolError `invalid_request`.
    """
    kid = key_named(token)
    public = None if kid is None else load_public_key(connection, IDENTITY, kid)
    known = [] if public is None else [parse_json(public, limit_bytes=MAX_JWK_BYTES)]
    return verify_hint(token, KeySet.parse({"keys": known}), context.issuer)
