"""What can go wrong, and who may be told.

`public` may be sent to a peer; `private` goes to the log and the audit log only. Entrypoints switch
on the code; they alone translate errors into answers.
"""

from enum import StrEnum


class ErrorCode(StrEnum):
    """The error codes of the protocols we speak, in their own spelling."""

    # RFC 6749 §4.1.2.1 and §5.2
    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT = "invalid_client"
    INVALID_GRANT = "invalid_grant"
    INVALID_SCOPE = "invalid_scope"
    UNAUTHORIZED_CLIENT = "unauthorized_client"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
    UNSUPPORTED_RESPONSE_TYPE = "unsupported_response_type"
    ACCESS_DENIED = "access_denied"
    SERVER_ERROR = "server_error"
    TEMPORARILY_UNAVAILABLE = "temporarily_unavailable"
    # RFC 6750 §3.1
    INVALID_TOKEN = "invalid_token"  # noqa: S105
    INSUFFICIENT_SCOPE = "insufficient_scope"
    # RFC 7009 §2.2.1
    UNSUPPORTED_TOKEN_TYPE = "unsupported_token_type"  # noqa: S105
    # RFC 8707 §2
    INVALID_TARGET = "invalid_target"
    # OpenID Connect Core 1.0 §3.1.2.6
    LOGIN_REQUIRED = "login_required"
    CONSENT_REQUIRED = "consent_required"
    INTERACTION_REQUIRED = "interaction_required"
    ACCOUNT_SELECTION_REQUIRED = "account_selection_required"
    REQUEST_NOT_SUPPORTED = "request_not_supported"
    REQUEST_URI_NOT_SUPPORTED = "request_uri_not_supported"
    INVALID_REQUEST_URI = "invalid_request_uri"
    # OpenID Connect Core Error Code unmet_authentication_requirements 1.0
    UNMET_AUTHENTICATION_REQUIREMENTS = "unmet_authentication_requirements"


class Reason(StrEnum):
    """Our own code beside the protocol's: it stands in the audit event of the refusal."""

    NONE = ""
    WAIVER_ENDED = "waiver-ended"
    WAIVER_NOT_ALLOWED = "waiver-not-allowed"
    PROFILE_NOT_AVAILABLE = "profile-not-available"
    UNKNOWN_CLIENT = "unknown-client"
    CLIENT_DISABLED = "client-disabled"
    GRANT_NOT_DECLARED = "grant-not-declared"
    REDIRECT_URI_NOT_DECLARED = "redirect-uri-not-declared"
    SCOPE_NOT_DECLARED = "scope-not-declared"
    RESOURCE_NOT_DECLARED = "resource-not-declared"
    RESOURCE_MISSING = "resource-missing"
    SEVERAL_RESOURCES = "several-resources"
    METHOD_NOT_DECLARED = "method-not-declared"
    WRONG_SECRET = "wrong-secret"  # noqa: S105 - the name of a reason
    CHALLENGE_MISSING = "challenge-missing"
    PROFILE_NEEDS_KEY = "profile-needs-key"
    NOT_PUSHED = "not-pushed"
    RESPONSE_MODE_NOT_DECLARED = "response-mode-not-declared"


class DurwardError(Exception):
    """Everything that Durward raises on purpose."""


class ProtocolError(DurwardError):
    """A peer broke a rule of the protocol it speaks."""

    def __init__(
        self,
        code: ErrorCode,
        public: str,
        *,
        private: str = "",
        reason: Reason = Reason.NONE,
        client: str = "",
    ) -> None:
        super().__init__(f"{code}: {public}" + (f" ({private})" if private else ""))
        self.code = code
        self.public = public
        self.private = private
        self.reason = reason
        self.client = client
        """The declared client that it is about, where that is known before it has proven itself."""

    @property
    def facts(self) -> dict[str, str]:
        """What the audit event of the refusal says."""
        told = {"error": self.code.value, "public": self.public, "private": self.private[:500]}
        return told | ({"reason": self.reason.value} if self.reason else {})


class Conflict(DurwardError):  # noqa: N818 - named as what it is
    """The state is not what the request supposed; reading again may help."""

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint


class Unavailable(DurwardError):  # noqa: N818
    """A part that is needed does not answer. Nothing is allowed meanwhile."""

    def __init__(
        self,
        what: str,
        *,
        retry_after: int = 1,
        hint: str = "",
        unsettled: bool = False,
        passes: bool = False,
    ) -> None:
        super().__init__(what)
        self.retry_after = retry_after
        self.hint = hint
        self.unsettled = unsettled
        """Whether what was asked for may have been done all the same."""
        self.passes = passes
        """Whether it may be over by itself: who starts waits for it, who goes on tells it once."""


class Misconfigured(DurwardError):  # noqa: N818
    """A document or setting is wrong: where, what was expected, what to do."""

    def __init__(self, path: str, problem: str, *, hint: str = "") -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem
        self.hint = hint
