"""The metadata of a client, named as in RFC 7591 §2, with what is demanded of it now."""

from durward.core.configuration.client import Client
from durward.core.configuration.configuration import Configuration
from durward.core.configuration.profile import Profile
from durward.core.oauth.requirements import requirements_of
from durward.core.oauth.waiver_status import waiver_statuses
from durward.core.values import ClientId, Instant
from durward.core.wire import JsonLike


def client_metadata(
    configuration: Configuration,
    id: ClientId,
    client: Client,
    floor: Profile,
    now: Instant,
    *,
    pushes: bool = False,
) -> dict[str, JsonLike]:
    """What is registered of a client; `floor` and `pushes` are what the server demands of all.

    `profile` is the one that holds, whoever chose it. `waivers` has those that have ended too.
    """
    demanded = requirements_of(configuration, id, client, floor, pushes=pushes)
    statuses = waiver_statuses(configuration, floor, now)
    waivers: list[JsonLike] = [
        {"name": one.name, "relaxes": one.relaxes, "until": one.until, "state": one.state.value}
        for one in statuses
        if one.client == id
    ]
    return {
        "client_id": id,
        "client_name": client.name or id,
        "redirect_uris": list(client.redirect_uris),
        "post_logout_redirect_uris": list(client.post_logout_redirect_uris),
        "grant_types": list(client.grants),
        "token_endpoint_auth_methods": list(client.methods),
        "response_modes": list(client.response_modes),
        "require_pushed_authorization_requests": demanded.pushed_alone,
        "scope": " ".join(client.scopes),
        "profile": demanded.profile.value,
        "waivers": waivers,
    }
