"""The two ways in which documents are written: Durward's own, and AWS's for import.

`AWS` takes what AWS accepts. `imported` is for documents that are in force there: what can mean
nothing does not refuse the document. Such an action or resource is nobody's; such a condition makes
an Allow never apply and a Deny apply whatever the condition's key holds.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from sys import intern
from typing import Final, TypeVar

from durward.core.policy.language.pattern import (
    ARN_SEGMENTS,
    ActionPattern,
    ResourcePattern,
    action_pattern,
    parse_action,
    parse_resource,
    resource_pattern,
    split_arn,
)

VERSION: Final = "2012-10-17"
ROOT: Final = "root"
"""The name of a whole account as a principal."""
DELEGATE: Final = "delegate"
"""Its name where something of another account is granted to it, to hand on by its own policies."""
T = TypeVar("T")


@dataclass(frozen=True)
class Dialect:
    """What a document may say.

    `version` stands where none is given, or None where one must be; `principals` reads a name under
    each type of principal, and returns None where it names nobody, `*` for everybody; `granted` is
    what a name means to whom something is allowed.
    """

    name: str
    version: str | None
    sid: re.Pattern[str]
    key: re.Pattern[str]
    action: Callable[[str], ActionPattern]
    resource: Callable[[str], ResourcePattern]
    principals: Mapping[str, Callable[[str], str | None]]
    principal_shape: str
    granted: Callable[[str], str] = str
    aliases: Mapping[str, str] = field(default_factory=dict)
    has_ids: bool = False
    empty_values: bool = False
    lenient: bool = False

    def key_of(self, text: str) -> str:
        """A key in lower case, under the name by which requests know it; one object for each."""
        prefix, slash, rest = text.lower().partition("/")
        return intern(self.aliases.get(prefix, prefix) + slash + rest)

    def text_of(self, text: str) -> str:
        """A text whose variables have those names too."""
        if not self.aliases:
            return text
        return _IN_VARIABLE.sub(lambda found: found[1] + self.key_of(found[2]), text)


_IN_VARIABLE = re.compile(r"(\$\{\s*)([^},]+)")
_PRINCIPAL = re.compile(r"arn:durward:iam::[^:*?$]+:(?:user|client|role|group)/[^:*?$]+\Z")


def _own_principal(text: str) -> str | None:
    return text if text == "*" or _PRINCIPAL.match(text) else None


OWN: Final = Dialect(
    name="Durward",
    version=None,
    sid=re.compile(r"[A-Za-z0-9]{0,128}\Z"),
    key=re.compile(r"[A-Za-z][A-Za-z0-9-]*:[A-Za-z0-9][A-Za-z0-9_./:@=+-]{0,127}\Z"),
    action=parse_action,
    resource=parse_resource,
    principals={"Durward": _own_principal},
    principal_shape="arn:durward:iam::<tenant>:user/<id>",
)

_AWS_ACTION = re.compile(r"[A-Za-z0-9.-]+:[^:]+\Z")
_AWS_PRINCIPAL = re.compile(r"arn:[a-z0-9-]+:(iam|sts):[^:]*:([0-9]{1,20}):([^:*?$]*[^/:*?$])\Z")
_ACCOUNT = re.compile(r"[0-9]{1,20}\Z")


def _aws_action(text: str) -> ActionPattern:
    """`service:Name`; a name with a space in it is read, and is no operation's."""
    if text != "*" and not _AWS_ACTION.match(text):
        raise ValueError(f"`{text}` is not an action; write `service:Name`, or `*`")
    return action_pattern(text)


def _aws_resource(text: str) -> ResourcePattern:
    """An ARN of any partition; one that is too short ends with a `*`, which stands for the rest."""
    if text == "*":
        return ResourcePattern(text, None)
    segments = split_arn(text)
    if segments[0] != "arn" or len([part for part in segments[1:3] if part]) != 2:  # noqa: PLR2004
        raise ValueError(f"`{text}` is not an ARN, or `*`")
    if len(segments) < ARN_SEGMENTS and not text.endswith("*"):
        raise ValueError(f"`{text}` names nothing: an ARN has six segments")
    return resource_pattern(text, segments)


def _aws_principal(text: str) -> str | None:
    """An account means everybody in it; a session is known by its role, that by its last name."""
    if text == "*":
        return text
    if _ACCOUNT.match(text):
        return f"arn:durward:iam::{text}:{ROOT}"
    found = _AWS_PRINCIPAL.match(text)
    if found is None:
        return None
    name = found[3]
    if name.startswith("role/"):
        name = f"role/{name.rpartition('/')[2]}"
    if found[1] == "sts":
        name = name.replace("assumed-role/", "session/", 1)
    return f"arn:durward:iam::{found[2]}:{name}"


def _aws_granted(arn: str) -> str:
    """An account hands on what it is granted; in the account itself that allows nobody anything."""
    return arn.removesuffix(ROOT) + DELEGATE if arn.endswith(f":{ROOT}") else arn


def _foreign(kind: str) -> Callable[[str], str | None]:
    return lambda text: text if text == "*" else f"{kind}:{text}"


SAME_MEANING: Final = {
    f"aws:{name.lower()}": f"durward:{name.lower()}"
    for name in (
        *("SourceIp", "SecureTransport", "UserAgent", "CurrentTime", "EpochTime"),
        *("MultiFactorAuthPresent", "MultiFactorAuthAge", "TokenIssueTime"),
        *("RequestTag", "ResourceTag", "PrincipalTag", "TagKeys"),
    )
}
"""Keys of AWS that mean what a key of ours means."""

AWS: Final = Dialect(
    name="AWS",
    version=VERSION,
    sid=re.compile(r"[^\x00-\x1f]{0,2048}\Z"),
    key=re.compile(r"[^\x00-\x1f{}$,']{1,256}\Z"),
    action=_aws_action,
    resource=_aws_resource,
    principals={
        "AWS": _aws_principal,
        **{kind: _foreign(kind) for kind in ("Service", "Federated", "CanonicalUser")},
    },
    principal_shape="arn:aws:iam::<account>:user/<name>",
    granted=_aws_granted,
    aliases=SAME_MEANING,
    has_ids=True,
    empty_values=True,
)


class AttachmentPoint(StrEnum):
    """Where a document of AWS is attached, which settles what a short ARN means in it."""

    IDENTITY = "identity"
    SESSION = "session"
    BOUNDARY = "boundary"
    RESOURCE = "resource"
    ENDPOINT = "endpoint"
    SERVICE_CONTROL = "scp"
    RESOURCE_CONTROL = "rcp"


def imported(place: AttachmentPoint = AttachmentPoint.IDENTITY) -> Dialect:
    """For a document that is in force at AWS."""
    return replace(
        AWS,
        lenient=True,
        action=_or_nothing(_aws_action, action_pattern("")),
        resource=_or_nothing(lambda text: _padded(text, place), _NO_RESOURCE),
    )


_NO_RESOURCE: Final = resource_pattern("", ["${durward:Nothing}"] * ARN_SEGMENTS)
"""Names nothing, and leaves open what a complement of it names: its variable never has a value."""
_NAMELESS: Final = resource_pattern("", ["\0"] * ARN_SEGMENTS)
"""Names nothing, so that a complement of it names everything."""


def _padded(text: str, place: AttachmentPoint) -> ResourcePattern:
    """What a short ARN leaves out is anything, where its place takes short ARNs at all."""
    if text and not text.strip("*"):
        return ResourcePattern("*", None)
    segments = split_arn(text)
    missing = ARN_SEGMENTS - len(segments)
    if (
        missing
        and place in {AttachmentPoint.RESOURCE, AttachmentPoint.ENDPOINT}
        and "*" not in text
    ):
        return _NAMELESS
    refused = {
        AttachmentPoint.SERVICE_CONTROL: not text.endswith("*"),
        AttachmentPoint.RESOURCE_CONTROL: True,
    }
    if missing and refused.get(place):
        raise ValueError(f"`{text}` names nothing: an ARN has six segments")
    return resource_pattern(text, [*segments, *["*"] * missing])


def _or_nothing(read: Callable[[str], T], nothing: T) -> Callable[[str], T]:
    def lenient(text: str) -> T:
        try:
            return read(text)
        except ValueError:
            return nothing

    return lenient
