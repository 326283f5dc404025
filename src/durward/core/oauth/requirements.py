"""What is demanded of one client: the profile that it is held to, and its waiver (ADR 18, 36).

Each rule is asked at one place of each endpoint; a waiver counts at the moment of each request.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from durward.core.configuration.client import Client
from durward.core.configuration.configuration import Configuration
from durward.core.configuration.profile import (
    Profile,
    ProfileDemand,
    demands_of,
    highest,
    is_above,
    unavailable,
)
from durward.core.configuration.waiver import OPENID, Waiver
from durward.core.errors import ErrorCode, ProtocolError, Reason
from durward.core.oauth import pkce
from durward.core.oauth.form import one
from durward.core.values import ClientId, Instant

MIN_NONCE_CHARACTERS = 8
"""Of a `nonce` that stands in for PKCE: one that can be guessed binds nothing."""


@dataclass(frozen=True, slots=True)
class Requirements:
    """What is demanded of a client."""

    profile: Profile
    is_authenticated: bool
    """Whether the client proves its identity at the token endpoint."""
    waivers: Mapping[ProfileDemand, tuple[str, Waiver]]
    """Its waivers with their names, by what each relaxes; ended ones too."""
    pushes: bool = False
    """Whether the client or the server is declared to take pushed requests alone."""

    def demands(self, demand: ProfileDemand) -> bool:
        """Whether a rule holds for it; a waiver is asked for apart."""
        return demand in demands_of(self.profile)

    def check_available(self) -> None:
        """Refuse a client of a profile that this version cannot keep whole.

        `apply` refuses to choose one; this holds where another version wrote the database. Raises
        ProtocolError `unauthorized_client`.
        """
        if missing := unavailable(self.profile):
            named = ", ".join(rule.text for rule in missing)
            public = f"the profile `{self.profile.value}` of the client is not available here"
            raise ProtocolError(
                ErrorCode.UNAUTHORIZED_CLIENT,
                public,
                private=f"not built: {named}",
                reason=Reason.PROFILE_NOT_AVAILABLE,
            )

    @property
    def pushed_alone(self) -> bool:
        """Whether a request has to be pushed (RFC 9126 §5, §6)."""
        return self.pushes or self.demands(ProfileDemand.PUSHED_REQUESTS)

    def check_direct(self) -> None:
        """Refuse a request that a browser brings whole, where it has to be pushed.

        A client whose profile cannot be kept is told that first. Raises ProtocolError.
        """
        self.check_available()
        if self.pushed_alone:
            public = "requests of the client have to be pushed (`request_uri`)"
            raise ProtocolError(ErrorCode.INVALID_REQUEST, public, reason=Reason.NOT_PUSHED)

    def waiver(self, demand: ProfileDemand, now: Instant) -> str:
        """The name of the waiver by which a rule does not hold now.

        Raises ProtocolError `invalid_request`, which names a waiver that has ended.
        """
        refusal = f"{REFUSALS[demand]}"
        found = self.waivers.get(demand)
        if found is None or not self.is_authenticated:
            reason = Reason.CHALLENGE_MISSING
            raise ProtocolError(ErrorCode.INVALID_REQUEST, refusal, reason=reason)
        name, waiver = found
        if is_above(self.profile, Profile.OAUTH21):
            public = f"{refusal}; the profile `{self.profile.value}` takes no waiver"
            reason = Reason.WAIVER_NOT_ALLOWED
            raise ProtocolError(ErrorCode.INVALID_REQUEST, public, private=name, reason=reason)
        if waiver.is_over(now):
            public = f"{refusal}; the waiver `{name}` ended on {waiver.until}"
            reason = Reason.WAIVER_ENDED
            raise ProtocolError(
                ErrorCode.INVALID_REQUEST, public, private=f"owner: {waiver.owner}", reason=reason
            )
        return name


REFUSALS: Mapping[ProfileDemand, str] = {ProfileDemand.PKCE: pkce.MISSING}
"""What a client that does not keep a rule is told."""


def requirements_of(
    configuration: Configuration,
    id: ClientId,
    client: Client,
    floor: Profile,
    *,
    pushes: bool = False,
) -> Requirements:
    """What is demanded of a client; `floor` and `pushes` are what the server demands of all."""
    waivers = {
        demand: found for demand in REFUSALS if (found := configuration.waived.get((id, demand)))
    }
    profile = highest(floor, configuration.profile_of(client))
    pushes = pushes or client.require_pushed_authorization_requests
    return Requirements(profile, client.authentication != "none", waivers, pushes)


def read_challenge(
    form: Mapping[str, tuple[str, ...]], requirements: Requirements, now: Instant
) -> str | None:
    """The challenge of an authorization request; None where a waiver lets it be absent.

    Then the code is bound by `nonce`, which only an OpenID request has (RFC 9700 §2.1.1). A request
    with a challenge is read as without a waiver. Raises ProtocolError `invalid_request`.
    """
    challenge, method = one(form, "code_challenge"), one(form, "code_challenge_method")
    if challenge is not None:
        return pkce.check_challenge(challenge, method)
    requirements.waiver(ProfileDemand.PKCE, now)
    if method is not None:  # a challenge that was taken out of the request
        raise _invalid("`code_challenge_method` is sent without `code_challenge`")
    if OPENID not in (one(form, "scope") or "").split():
        raise _invalid("without `code_challenge` the request needs the scope `openid`")
    if len(one(form, "nonce") or "") < MIN_NONCE_CHARACTERS:
        public = f"without `code_challenge` a `nonce` of {MIN_NONCE_CHARACTERS} characters or more"
        raise _invalid(f"{public} is needed")
    return None


def check_binding(challenge: str | None, requirements: Requirements, now: Instant) -> str | None:
    """Whether a code may be issued for this challenge, or for none, now.

    A request waits for its person for up to half an hour. Returns the name of the waiver that is
    used; None where there is a challenge. Raises ProtocolError `invalid_request`.
    """
    return None if challenge is not None else requirements.waiver(ProfileDemand.PKCE, now)


def _invalid(public: str) -> ProtocolError:
    return ProtocolError(ErrorCode.INVALID_REQUEST, public)
