"""A grant: the access that a person gave a client, revoked as a whole."""

from dataclasses import dataclass

from durward.core.oauth.claims import TokenGrant
from durward.core.oauth.scopes import OFFLINE, OPENID
from durward.core.values import ClientId, GrantId, Instant, SessionId, TenantId, UserId


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims about the person at the time when a token is issued."""

    tenant: TenantId
    roles: tuple[str, ...]
    groups: tuple[str, ...]
    policies: tuple[str, ...] = ()
    boundary: tuple[str, ...] = ()
    """Names of documents that are the person's own."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One sign-in at one client, with the content of its tokens."""

    id: GrantId
    user: UserId
    client: ClientId
    tenant: TenantId
    audience: str | None
    scopes: tuple[str, ...]
    session: SessionId
    methods: tuple[str, ...]
    authenticated_at: Instant
    nonce: str | None
    created_at: Instant
    ended_at: Instant | None = None
    lost: tuple[str, ...] = ()
    """Scopes that it had at first and lost for good."""

    @property
    def outlives_session(self) -> bool:
        """Whether the grant outlives the session (OIDC Core §11)."""
        return OFFLINE in self.scopes

    def token_grant(
        self,
        issuer: str,
        scopes: tuple[str, ...],
        claims: Claims,
        *,
        in_session: bool,
        for_issuer: bool = False,
    ) -> TokenGrant:
        """The content of a token of this grant, with the scopes that `standing` left.

        With `openid` the issuer is an audience too, for userinfo; the only one with `for_issuer`.
        """
        audiences: tuple[str, ...] = (self.audience,) if self.audience and not for_issuer else ()
        if OPENID in scopes or not audiences:
            audiences += (issuer,)
        return TokenGrant(
            subject=self.user,
            client=self.client,
            tenant=claims.tenant,
            audiences=audiences,
            scopes=scopes,
            roles=claims.roles,
            groups=claims.groups,
            policies=claims.policies,
            boundary=claims.boundary,
            session=self.session if in_session else None,
            grant=self.id,
            auth_time=self.authenticated_at,
            amr=self.methods,
        )
