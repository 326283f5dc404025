"""Who is declared, as the policy engine knows them: what a token that is issued now would say."""

from collections.abc import Iterator

from durward.core.configuration.configuration import Configuration
from durward.core.policy.engine.request import Principal

USER = "user"
CLIENT = "client"
ACTS_FOR_ITSELF = "client_credentials"


def declared_principal(configuration: Configuration, kind: str, name: str) -> Principal | None:
    """Somebody by type and name; None where nobody is declared so, or cannot act."""
    if kind == USER:
        user = configuration.users.get(name)
        if user and not user.disabled:
            return Principal(
                *(name, USER, user.tenant, user.roles, user.groups),
                policies=user.policies,
                boundary=user.boundary,
            )
    if kind == CLIENT:
        client = configuration.clients.get(name)
        if client and not client.disabled and ACTS_FOR_ITSELF in client.grants:
            return Principal(name, CLIENT, client.tenant, client.roles, client=name)
    return None


def declared_principals(configuration: Configuration) -> Iterator[Principal]:
    """Everybody who can act."""
    for kind, names in ((USER, configuration.users), (CLIENT, configuration.clients)):
        for name in names:
            if found := declared_principal(configuration, kind, name):
                yield found
