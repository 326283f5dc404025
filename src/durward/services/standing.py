"""The standing of a kept grant: its facts, looked up in what is declared."""

from sqlalchemy import Connection

from durward.core.configuration.configuration import Configuration
from durward.core.oauth.grant import Grant
from durward.core.oauth.standing import Standing, standing
from durward.store.grants import load_consent


def standing_in(
    configuration: Configuration, grant: Grant, consented: frozenset[str] | None
) -> Standing:
    """What is left of a grant under one version of what is declared (ADR 23).

    `consented` is what its person lets its client do at its API.
    """
    person, client = configuration.users.get(grant.user), configuration.clients.get(grant.client)
    return standing(grant, person, client, configuration.apis, consented)


def standing_now(connection: Connection, configuration: Configuration, grant: Grant) -> Standing:
    """What is left of a grant that is kept."""
    consented = load_consent(connection, grant.user, grant.client, grant.audience)
    return standing_in(configuration, grant, consented)
