"""An operator lets somebody choose a password: by a link in a mail, which the operator never sees.

So an operator can start a reset, and cannot choose a password (AS-98). The address was given by an
operator; whoever uses the link has shown that it is theirs.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from durward.core.audit.event import AuditContext
from durward.core.errors import Misconfigured, Unavailable
from durward.core.people.identifier import canonical_email
from durward.core.people.mail_text import addressees, invitation
from durward.core.values import Instant, Seconds, later
from durward.entropy import new_secret
from durward.services.context import Context
from durward.services.mail import queue_mail
from durward.services.people import named_person
from durward.services.recovery import link_uri
from durward.store.holds import hold_people
from durward.store.people import load_person
from durward.store.reset_links import ResetLink, record_reset_link

LIFETIME: Final = Seconds(3 * 86_400)
"""Of the link, and of its mail: over a weekend."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """Where the link is sent, and until when it works."""

    address: str
    expires_at: Instant


def invite(
    connection: Connection, context: Context, name: str, audit: AuditContext
) -> Invitation | None:
    """Mail a link to somebody; the invitation of before ends. None if nobody is called so.

    Raises Misconfigured where no mail can be sent, or the person may not sign in, and Unavailable
    where too many mails wait.
    """
    found = named_person(connection, name)
    if found is None:
        return None
    hold_people(connection, found.id)
    person, where = load_person(connection, found.id), f"people/{name}"
    if person is None:
        return None
    if not context.sends_mail:
        hint = 'set [mail] in the settings of `durward serve`, such as host = "smtp.example.com"'
        raise Misconfigured("mail", "no mails are sent", hint=hint)
    if person.disabled:
        raise Misconfigured(where, "is disabled", hint="durward people enable NAME")
    to = next(iter(addressees(person)), None)
    if to is None:
        hint = "durward people change NAME --add-email ADDRESS"
        raise Misconfigured(where, "has no e-mail address", hint=hint)
    secret = new_secret("dwl")
    link = ResetLink(person.id, canonical_email(to), invited=True)
    uri = link_uri(context, secret)
    mail = invitation(to, person.login, context.issuer, uri, LIFETIME)
    if not queue_mail(connection, context, person.id, mail, LIFETIME, audit):
        raise Unavailable("too many mails wait to be sent", hint="durward status says why")
    record_reset_link(connection, secret.sha256(), link, LIFETIME, audit)
    return Invitation(to, later(audit.at, LIFETIME))
