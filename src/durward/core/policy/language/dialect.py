"""The two dialects of documents: Durward's own, and that of AWS, for import.

`AWS` accepts what AWS accepts. `imported` is for documents that are in force there: a value that
cannot have a meaning does not refuse the document. Such an action or resource matches nothing; a
statement with such a condition never allows, and denies whatever the value of the key is.
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
"""The name of an account as a principal: everybody in it."""
DELEGATE: Final = "delegate"
"""Its name in a grant of another account, which the account passes on by its own policies."""
T = TypeVar("T")


@dataclass(frozen=True)
class Dialect:
    """The rules of a dialect.

    `version` is used where a document has none; None: it must have one. `principals` parses the
    names of each type of principal, to None if a name is invalid; `*` is everybody. `granted`
    converts a name in a statement that allows.
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
        """A key in lower case, by the name that requests use; the same string object each time."""
        prefix, slash, rest = text.lower().partition("/")
        return intern(self.aliases.get(prefix, prefix) + slash + rest)

    def text_of(self, text: str) -> str:
        """A string in which variables have those names too."""
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
    """`service:Name`; a name with a space is accepted, and matches no operation."""
    if text != "*" and not _AWS_ACTION.match(text):
        raise ValueError(f"`{text}` is not an action; write `service:Name`, or `*`")
    return action_pattern(text)


def _aws_resource(text: str) -> ResourcePattern:
    """An ARN of any partition; one with fewer segments ends with `*`, which stands for the rest."""
    if text == "*":
        return ResourcePattern(text, None)
    segments = split_arn(text)
    if segments[0] != "arn" or len([part for part in segments[1:3] if part]) != 2:  # noqa: PLR2004
        raise ValueError(f"`{text}` is not an ARN, or `*`")
    if len(segments) < ARN_SEGMENTS and not text.endswith("*"):
        raise ValueError(f"`{text}` names nothing: an ARN has six segments")
    return resource_pattern(text, segments)


def _aws_principal(text: str) -> str | None:
    """An account means everybody in it; a role is known by the last part of its name."""
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
    """An account passes on what it is granted; that alone allows nobody within it anything."""
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
"""Keys of AWS that have the meaning of one of ours."""

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
    """Where a document of AWS is attached: that decides what a short ARN in it means."""

    IDENTITY = "identity"
    SESSION = "session"
    BOUNDARY = "boundary"
    RESOURCE = "resource"
    ENDPOINT = "endpoint"
    SERVICE_CONTROL = "scp"
    RESOURCE_CONTROL = "rcp"


def imported(place: AttachmentPoint = AttachmentPoint.IDENTITY) -> Dialect:
    """The dialect of documents that are in force at AWS."""
    return replace(
        AWS,
        lenient=True,
        action=_or_nothing(_aws_action, action_pattern("")),
        resource=_or_nothing(lambda text: _padded(text, place), _NO_RESOURCE),
    )


_NO_RESOURCE: Final = resource_pattern("", ["${durward:Nothing}"] * ARN_SEGMENTS)
"""Matches nothing, and neither does its complement: its variable never has a value."""
_NAMELESS: Final = resource_pattern("", ["\0"] * ARN_SEGMENTS)
"""Matches nothing, so that its complement matches everything."""


def _padded(text: str, place: AttachmentPoint) -> ResourcePattern:
    """Complete a short ARN with `*`, where the attachment point accepts short ARNs."""
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
