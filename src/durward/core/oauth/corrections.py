"""What an operator can change in the declarations after a refusal that a developer caused.

The lines are for the standard error of `durward serve`. They have fixed texts, the name of a
declared client, and of the request only what cannot be a secret: no code, token, secret or `state`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from durward.core.difference import excerpt
from durward.core.errors import ProtocolError, Reason

MAX_SHOWN_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True)
class Correction:
    """What to change; with `shows` the private text of the error stands before it."""

    text: str
    shows: bool = False


CORRECTIONS: Final[Mapping[Reason, Correction]] = {
    Reason.UNKNOWN_CLIENT: Correction(
        "the `client_id` is not declared: add it to `clients`, or correct it in the application"
    ),
    Reason.CLIENT_DISABLED: Correction("the client is `disabled`: remove that to let it in"),
    Reason.GRANT_NOT_DECLARED: Correction(
        "the client does not have this grant: add it to `grants`"
    ),
    Reason.REDIRECT_URI_NOT_DECLARED: Correction(
        "the redirect URI is not declared: add it to `redirect_uris`, character by character",
        shows=True,
    ),
    Reason.SCOPE_NOT_DECLARED: Correction(
        "no requested scope is one of the client's: add it to `scopes`, if the API has it"
    ),
    Reason.RESOURCE_NOT_DECLARED: Correction(
        "the `resource` is not the `audience` of an API in `apis` of the client: add the API there"
    ),
    Reason.RESOURCE_MISSING: Correction(
        "the client has several `apis`: let it send `resource`, the `audience` of one of them"
    ),
    Reason.SEVERAL_RESOURCES: Correction(
        "the request has several `resource`: let the client ask for one token for each API"
    ),
    Reason.METHOD_NOT_DECLARED: Correction(
        "the client authenticates by another method than its `authentication`: change either",
        shows=True,
    ),
    Reason.PROFILE_NEEDS_KEY: Correction(
        "the profile of the client takes only `authentication: private_key_jwt`", shows=True
    ),
    Reason.WRONG_SECRET: Correction(
        "the secret is not the client's: `durward clients secret NAME` makes a new one"
    ),
    Reason.CHALLENGE_MISSING: Correction(
        "the request has no `code_challenge`: turn on PKCE (S256) in the application, or declare a "
        "waiver (docs/sign-in.md)"
    ),
    Reason.NOT_PUSHED: Correction(
        "the client's requests have to be pushed (PAR): turn that on in the application, or remove "
        "`require_pushed_authorization_requests` where no profile demands it"
    ),
    Reason.RESPONSE_MODE_NOT_DECLARED: Correction(
        "the `response_mode` is not declared: add it to `response_modes` of the client"
    ),
    Reason.WAIVER_ENDED: Correction("its waiver has ended: give it another `until`, or use PKCE"),
}


def correction(error: ProtocolError) -> str | None:
    """What to change after a refusal; None where a declaration is not the cause."""
    found = CORRECTIONS.get(error.reason)
    if found is None:
        return None
    seen = f" ({without_query(error.private)})" if found.shows and error.private else ""
    return f"{found.text}{seen}"


def without_query(text: str) -> str:
    """A text up to the first query or fragment, which may have a secret, in one line."""
    kept, *more = re.split("[?#]", text, maxsplit=1)
    return excerpt(f"{kept}?…" if more else kept, MAX_SHOWN_CHARACTERS)
