"""What every use case of the authorization server is given beside its request."""

from collections.abc import Callable
from dataclasses import dataclass, field

from durward.core.audit.event import AuditEvent
from durward.core.authn.session import SessionPolicy
from durward.core.jose.jwk import KeySet
from durward.core.oauth.claims import TokenPolicy
from durward.core.oauth.grants.refresh_token import RefreshPolicy
from durward.core.values import Instant
from durward.keys.envelope import KeyFile
from durward.keys.signing import Signer
from durward.services.publish import Published


@dataclass(frozen=True)
class Context:
    """One version of what is declared, the keys, and how long things live."""

    issuer: str
    published: Published
    key_file: KeyFile
    clock: Callable[[], Instant]
    signer: Callable[[str], Signer]
    """The key that signs now, by its purpose."""
    tokens: TokenPolicy = field(default_factory=TokenPolicy)
    sessions: SessionPolicy = field(default_factory=SessionPolicy)
    refresh: RefreshPolicy = field(default_factory=RefreshPolicy)
    former_share: float = 0.0
    """Which share of the passwords was hashed with the former parameters, 0 to 1, when something
    was published last."""
    has_room: Callable[[AuditEvent], bool] = lambda _: True
    """Whether an event of somebody who did not prove who they are may be recorded by itself."""

    def keys(self, purpose: str, now: Instant) -> KeySet:
        """The public keys that verify what was signed for a purpose."""
        return KeySet.parse({"keys": list(self.published.ring.public((purpose,), now))})
