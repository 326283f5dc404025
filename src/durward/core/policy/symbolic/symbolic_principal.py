"""The symbolic principal: the keys of any authenticated principal, and the meaning of its names.

An authenticated principal has a subject, a kind and a tenant, and a name of these. Anonymous
requests are a separate question.
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
"""The keys that come from the principal: their values are well-formed."""
KINDS: Final = ("user", "client", "session", ROOT)
SELF: Final = "arn:durward:iam::~:user/~"
SOMEBODY: Final = {SUBJECT: "~", PRINCIPAL_TYPE: "user", TENANT_ID: "~", PRINCIPAL_ARN: SELF}
"""The keys of every principal, with the values to use where no condition restricts them."""
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
"""The patterns that a principal's strings always match."""


def is_list(key: str) -> bool:
    """Whether the key is a list of the principal."""
    return isinstance(TOLD.get(key), tuple)


def told_by(arn: str) -> dict[str, str]:
    """The keys that follow from a name: the tenant; kind and subject if it is a principal's own.

    `delegate` in a tenant is the name of the tenant itself only.
    """
    tenant, _, name = arn.removeprefix("arn:durward:iam::").partition(":")
    kind, is_own, subject = name.partition("/")
    if is_own and kind in KINDS:
        return {TENANT_ID: tenant, PRINCIPAL_TYPE: kind, SUBJECT: subject}
    return {TENANT_ID: tenant, PRINCIPAL_TYPE: ROOT} if name == DELEGATE else {TENANT_ID: tenant}
