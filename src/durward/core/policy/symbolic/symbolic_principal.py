"""Who asks, where it may be anybody: what everybody has, and what a name says of them.

Who signed in has a subject, a kind and a tenant, and is known by a name of these. Who did not is
asked about by itself.
"""

from collections.abc import Mapping
from typing import Final

from durward.core.policy.engine.request import (
    NOBODY,
    PRINCIPAL_ARN,
    PRINCIPAL_TYPE,
    SUBJECT,
    TENANT_ID,
)
from durward.core.policy.language.automaton import QUESTION, STAR
from durward.core.policy.language.dialect import DELEGATE, ROOT
from durward.core.policy.language.wildcards import ArnGlob, Glob
from durward.core.policy.symbolic.strings import PatternConstraint

TOLD: Final = NOBODY.facts
"""The keys that the principal tells: these can be read."""
KINDS: Final = ("user", "client", "session", ROOT)
SELF: Final = "arn:durward:iam::~:user/~"
SOMEBODY: Final = {SUBJECT: "~", PRINCIPAL_TYPE: "user", TENANT_ID: "~", PRINCIPAL_ARN: SELF}
"""What everybody has, and what it is where nothing is said of it."""
_NAMES: Final = tuple(
    ArnGlob((("arn",), ("durward",), ("iam",), (), (QUESTION, STAR), (f"{kind}/", QUESTION, STAR)))
    for kind in KINDS
)
STANDING: Final[Mapping[str, PatternConstraint]] = {
    **{
        key: PatternConstraint((Glob(()),), matches=False)
        for key, found in TOLD.items()
        if not isinstance(found, tuple)
    },
    PRINCIPAL_TYPE: PatternConstraint(tuple(Glob((kind,)) for kind in KINDS), matches=True),
    TENANT_ID: PatternConstraint((Glob(()), Glob((STAR, ":", STAR))), matches=False),
    PRINCIPAL_ARN: PatternConstraint(_NAMES, matches=True),
}
"""What a text always is that the principal tells."""


def is_list(key: str) -> bool:
    """Whether the principal has a list there."""
    return isinstance(TOLD.get(key), tuple)


def told_by(arn: str) -> dict[str, str]:
    """What a name tells of whose it is: their tenant, and who they are where it is their own.

    `delegate` is, in a tenant, nobody's but that tenant's itself.
    """
    tenant, _, name = arn.removeprefix("arn:durward:iam::").partition(":")
    kind, is_own, subject = name.partition("/")
    if is_own and kind in KINDS:
        return {TENANT_ID: tenant, PRINCIPAL_TYPE: kind, SUBJECT: subject}
    return {TENANT_ID: tenant, PRINCIPAL_TYPE: ROOT} if name == DELEGATE else {TENANT_ID: tenant}
