"""The client credentials grant: a service gets a token for itself (OAuth 2.1 draft-15 §4.2)."""

from collections.abc import Mapping

from durward.core.api import Api
from durward.core.configuration.client import Client
from durward.core.errors import ErrorCode, ProtocolError, Reason
from durward.core.oauth.claims import TokenGrant
from durward.core.oauth.resource import chosen_api, granted_scopes, is_named
from durward.core.values import ClientId, TenantId


def grant(
    client_id: ClientId,
    client: Client,
    form: Mapping[str, tuple[str, ...]],
    apis: Mapping[str, Api],
    decisions: str,
) -> TokenGrant:
    """The content of a token for an authenticated client itself.

    `decisions` is the resource of the AuthZEN endpoints; a token for it needs a client with
    `authzen_apis`, and has no scopes. Raises ProtocolError
    `unauthorized_client`, `invalid_target` or `invalid_scope`.
    """
    if "client_credentials" not in client.grants:
        raise ProtocolError(
            ErrorCode.UNAUTHORIZED_CLIENT,
            "the client may not use this grant type",
            reason=Reason.GRANT_NOT_DECLARED,
        )
    wanted = form.get("resource", ())
    if len(wanted) == 1 and is_named(decisions, wanted) and client.authzen_apis:
        audience, scopes = decisions, granted_scopes(client, form, ())
    else:
        api = chosen_api(client, form, apis)
        audience, scopes = api.audience, granted_scopes(client, form, api.scopes)
    return TokenGrant(
        subject=client_id,
        client=client_id,
        tenant=TenantId(client.tenant),
        audiences=(audience,),
        scopes=scopes,
        roles=client.roles,
    )
