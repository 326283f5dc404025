"""A service signs in: the client credentials grant (OAuth 2.1 draft-15 §4.2)."""

from collections.abc import Mapping

from durward.core.edge.snapshot import Api
from durward.core.errors import ErrorCode, ProtocolError
from durward.core.estate import Client
from durward.core.oauth.claims import TokenGrant
from durward.core.oauth.resource import chosen_api, granted_scopes
from durward.core.values import ClientId, TenantId


def grant(
    client_id: ClientId,
    client: Client,
    form: Mapping[str, tuple[str, ...]],
    apis: Mapping[str, Api],
) -> TokenGrant:
    """What an authenticated client gets for itself.

    Raises ProtocolError `unauthorized_client`, `invalid_target` or `invalid_scope`.
    """
    if "client_credentials" not in client.grants:
        raise ProtocolError(ErrorCode.UNAUTHORIZED_CLIENT, "the client may not use this grant type")
    api = chosen_api(client, form, apis)
    return TokenGrant(
        subject=client_id,
        client=client_id,
        tenant=TenantId(client.tenant),
        audiences=(api.audience,),
        scopes=granted_scopes(client, form, api.scopes),
        roles=client.roles,
    )
