"""The `claims` parameter: what of it decides about a request (OIDC Core §5.5).

That is whose sign-in is asked for (`sub`), and a class of sign-in that is essential (`acr`). Any
other claim is voluntary, and one that is not known or cannot be given is left out (§5.5.1).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from durward.core.errors import ErrorCode, ProtocolError
from durward.core.oauth.form import one
from durward.core.values import UserId
from durward.core.wire import Json, parse_json

MAX_CLAIMS_BYTES: Final = 8_192
PLACES: Final = ("id_token", "userinfo")
CLASSES: Final[frozenset[str]] = frozenset()
"""The classes of a sign-in that an ID token can name (`acr`): none yet."""


@dataclass(frozen=True, slots=True)
class RequestedClaims:
    """What a request asks of the sign-in."""

    subject: UserId | None = None
    """Whose sign-in; None: anybody's."""
    classes: frozenset[str] | None = None
    """The classes of which its sign-in has to be one; None: of any."""

    def check_met(self, possible: Collection[str] = CLASSES) -> None:
        """Refuse a request whose essential class no sign-in here can have (§5.5.1.1).

        It is a failed authentication, and nobody is asked for it in vain. Raises ProtocolError
        `unmet_authentication_requirements`.
        """
        if self.classes is not None and not self.classes & set(possible):
            code = ErrorCode.UNMET_AUTHENTICATION_REQUIREMENTS
            raise ProtocolError(code, "no sign-in here has an `acr` that the request demands")


def read_claims(form: Mapping[str, tuple[str, ...]]) -> RequestedClaims:
    """What the `claims` of a request ask of the sign-in. Raises ProtocolError `invalid_request`."""
    text = one(form, "claims")
    if text is None:
        return RequestedClaims()
    try:
        asked = parse_json(text.encode(), limit_bytes=MAX_CLAIMS_BYTES)
    except ProtocolError as error:
        raise _invalid(f"`claims`: {error.public}") from error
    if not isinstance(asked, dict):
        raise _invalid("`claims` is not a JSON object")
    subject: UserId | None = None
    classes: frozenset[str] | None = None
    for place in PLACES:
        members = {} if asked.get(place) is None else asked[place]
        if not isinstance(members, dict):
            raise _invalid(f"`claims`: `{place}` is not an object")
        sub, acr = _request(members, place, "sub"), _request(members, place, "acr")
        for value in _values(sub, place, "sub") or ():
            if subject not in {None, value}:
                raise _invalid("`claims` asks for the sign-in of several people")
            subject = UserId(value)
        if acr.get("essential") is True and (values := _values(acr, place, "acr")) is not None:
            classes = values if classes is None else classes & values
    return RequestedClaims(subject, classes)


def _request(members: Mapping[str, Json], place: str, claim: str) -> Mapping[str, Json]:
    """How a claim is asked for; null and absence ask for nothing in particular."""
    found = members.get(claim)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise _invalid(f"`claims`: `{place}.{claim}` is neither null nor an object")
    return found


def _values(request: Mapping[str, Json], place: str, claim: str) -> frozenset[str] | None:
    """The values that a claim may have; None: any."""
    if "value" not in request and "values" not in request:
        return None
    found = [request["value"]] if "value" in request else request["values"]
    if not isinstance(found, list) or not all(isinstance(value, str) for value in found):
        raise _invalid(f"`claims`: `{place}.{claim}` has values that are not texts")
    return frozenset(value for value in found if isinstance(value, str))


def _invalid(public: str) -> ProtocolError:
    return ProtocolError(ErrorCode.INVALID_REQUEST, public)
