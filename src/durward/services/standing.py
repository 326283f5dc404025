"""The standing of a kept grant: its facts, looked up in the store and in what is declared."""

from sqlalchemy import Connection

from durward.core.configuration.configuration import Configuration
from durward.core.oauth.grant import Grant
from durward.core.oauth.standing import Standing, standing
from durward.core.people.person import Person
from durward.store.grants import load_consent
from durward.store.people import load_person


def standing_in(
    configuration: Configuration,
    person: Person | None,
    grant: Grant,
    consented: frozenset[str] | None,
) -> Standing:
    """What is left of a grant under one version of what is declared (ADR 23).

    `person` is who the grant names, None where they are gone; `consented` is what they let its
    client do at its API.
    """
    client = configuration.clients.get(grant.client)
    return standing(grant, person, client, configuration.apis, consented)


def standing_now(connection: Connection, configuration: Configuration, grant: Grant) -> Standing:
    """What is left of a grant that is kept."""
    consented = load_consent(connection, grant.user, grant.client, grant.audience)
    person = load_person(connection, grant.user)
    return standing_in(configuration, person, grant, consented)
