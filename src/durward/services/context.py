"""The context of every use case of the authorization server."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from durward.core.audit.event import AuditEvent
from durward.core.authn.session import SessionPolicy
from durward.core.configuration.client import Client
from durward.core.configuration.profile import Profile
from durward.core.jose.jwk import KeySet
from durward.core.oauth.claims import TokenPolicy
from durward.core.oauth.grants.refresh_token import RefreshPolicy
from durward.core.oauth.requirements import Requirements, requirements_of
from durward.core.values import ClientId, Instant, Seconds
from durward.keys.envelope import KeyFile
from durward.keys.signing import Signer
from durward.services.publish import Published


@dataclass(frozen=True)
class Context:
    """One version of the declarations, the keys, and the lifetimes."""

    issuer: str
    published: Published
    key_file: KeyFile
    clock: Callable[[], Instant]
    signer: Callable[[str], Signer]
    """The present signing key, by its purpose."""
    tokens: TokenPolicy = field(default_factory=TokenPolicy)
    sessions: SessionPolicy = field(default_factory=SessionPolicy)
    refresh: RefreshPolicy = field(default_factory=RefreshPolicy)
    hash_kinds: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """How many passwords are hashed how, by the kind of hash that they had at first; counted once a
    minute."""
    has_room: Callable[[AuditEvent], bool] = lambda _: True
    """Whether an unauthenticated event may be recorded by itself."""
    has_assertion_room: Callable[[ClientId, Seconds, Instant], bool] = lambda *_: True
    """Whether a client may use one more assertion that is kept for so long."""
    profile: Profile = Profile.OAUTH21
    """The lowest profile that a client of this server may be held to."""
    pushes: bool = False
    """Whether every client has to push its authorization requests."""
    sends_mail: bool = False
    """Whether there is anything that takes mails."""

    def requirements(self, id: ClientId, client: Client) -> Requirements:
        """What is demanded of a client by this version of the declarations."""
        configuration = self.published.configuration
        return requirements_of(configuration, id, client, self.profile, pushes=self.pushes)

    def keys(self, purpose: str, now: Instant) -> KeySet:
        """The public keys that verify the signatures of a purpose."""
        return KeySet.parse({"keys": list(self.published.ring.public((purpose,), now))})
