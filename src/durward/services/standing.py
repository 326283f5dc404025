"""The standing of a kept grant: its facts, looked up in what is declared."""

from durward.core.estate.estate import Estate
from durward.core.oauth.grant import Grant
from durward.core.oauth.standing import Standing, standing


def standing_in(estate: Estate, grant: Grant) -> Standing:
    """What is left of a grant under one version of what is declared (ADR 23)."""
    person, client = estate.users.get(grant.user), estate.clients.get(grant.client)
    return standing(grant, person, client, estate.apis)
