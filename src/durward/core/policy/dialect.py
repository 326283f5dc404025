"""The two ways in which documents are written: Durward's own, and AWS's for import.

Import takes what AWS takes, as AWS means it. `lenient` is for documents whose authors rely on it: a
condition that cannot mean anything does not refuse the document, but makes an Allow never apply and
a Deny apply whatever the condition's key holds.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from durward.core.policy.pattern import (
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


@dataclass(frozen=True)
class Dialect:
    """What a document may say.

    `version` stands where none is given, or None where one must be; `principals` reads a name under
    each type of principal, and returns None where it names nobody, `*` for everybody.
    """

    name: str
    version: str | None
    sid: re.Pattern[str]
    key: re.Pattern[str]
    action: Callable[[str], ActionPattern]
    resource: Callable[[str], ResourcePattern]
    principals: Mapping[str, Callable[[str], str | None]]
    principal_shape: str
    aliases: Mapping[str, str] = field(default_factory=dict)
    has_ids: bool = False
    empty_values: bool = False
    lenient: bool = False

    def key_of(self, text: str) -> str:
        """A key in lower case, under the name by which requests know it."""
        folded = text.lower()
        prefix, slash, rest = folded.partition("/")
        return self.aliases.get(prefix, prefix) + slash + rest

    def text_of(self, text: str) -> str:
        """A text whose variables have those names too."""
        if not self.aliases:
            return text
        return _IN_VARIABLE.sub(lambda found: found[1] + self.key_of(found[2]), text)


_IN_VARIABLE = re.compile(r"(\$\{\s*)([^},\s]+)")
_PRINCIPAL = re.compile(
    r"arn:durward:iam:[a-z0-9-]*:[^:*?$]+:(?:user|client|role|group)/[^:*?$]+\Z"
)


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
_AWS_PRINCIPAL = re.compile(r"arn:[a-z0-9-]+:(iam|sts):[^:]*:([0-9]{1,20}):([^:*?$]+)\Z")
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
    """An account means everybody in it; a session is known by its role."""
    if text == "*":
        return text
    if _ACCOUNT.match(text):
        return f"arn:durward:iam::{text}:root"
    found = _AWS_PRINCIPAL.match(text)
    if found is None:
        return None
    name = found[3]
    if found[1] == "sts":
        name = name.replace("assumed-role/", "session/", 1)
    return f"arn:durward:iam::{found[2]}:{name}"


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
    key=re.compile(r"[^\s{}$,']{1,256}\Z"),
    action=_aws_action,
    resource=_aws_resource,
    principals={
        "AWS": _aws_principal,
        **{kind: _foreign(kind) for kind in ("Service", "Federated", "CanonicalUser")},
    },
    principal_shape="arn:aws:iam::<account>:user/<name>",
    aliases=SAME_MEANING,
    has_ids=True,
    empty_values=True,
)
