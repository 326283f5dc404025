"""The policies that an API begins with: nobody has a right that somebody did not give them.

Read from the document alone:

- Operations that ask for scopes: a role for each set of scopes that is enough.
- Other operations that demand a token: a role for what reads and one for what writes, for each
  first name in their paths.
- Operations that the document calls public: everybody may ask for those that only read, and for
  those at which people sign in. The others stay denied, and are listed.

A role is given to nobody here.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Final

from durward.core.openapi.operations import READS
from durward.core.openapi.proposal import ProposedOperation, group_of, is_sign_in, slug
from durward.core.wire import Json

MAX_ROLES: Final = 200
"""What needs more roles is denied and listed: nobody gives thousands of roles by hand."""
MAX_ACTIONS: Final = 1_000
"""Of a statement (docs/policy-language.md)."""
MAX_ROLE_CHARACTERS: Final = 60
VERSION: Final = "2012-10-17"


@dataclass(frozen=True, slots=True)
class StarterRole:
    """A role with one policy of the same name, and why it is there."""

    name: str
    why: str
    operations: tuple[ProposedOperation, ...]


@dataclass(frozen=True, slots=True)
class Starter:
    """What an API begins with."""

    roles: tuple[StarterRole, ...]
    public: tuple[ProposedOperation, ...]
    """Which everybody may ask for, also without a token."""
    denied: tuple[ProposedOperation, ...]
    """Which no rule allows."""


def starter(api: str, operations: Sequence[ProposedOperation]) -> Starter:
    """The roles and the public operations of an API."""
    public = [each for each in operations if each.operation.public]
    open_ = [
        each for each in public if each.operation.method in READS or is_sign_in(each.operation)
    ]
    denied = [each for each in public if each not in open_]
    groups: dict[tuple[str, str], list[ProposedOperation]] = defaultdict(list)
    for each in operations:
        for key in _keys(each):
            groups[key].append(each)
    roles: list[StarterRole] = []
    taken: set[str] = set()
    # Those of scopes first: if others would be called the same, it is these that get a number.
    for (name, why), found in sorted(groups.items(), key=lambda item: (not _scoped(item[1]), item)):
        if len(roles) == MAX_ROLES or len(found) > MAX_ACTIONS:
            denied += [each for each in found if each not in denied]
            continue
        role = _free(name if name.startswith(f"{api}-") else f"{api}-{name}", taken)
        taken.add(role)
        roles.append(StarterRole(role, why, tuple(found)))
    held = {id(each) for role in roles for each in role.operations}
    return Starter(
        tuple(roles), tuple(open_), tuple(each for each in denied if id(each) not in held)
    )


def statement(api: str, operations: Iterable[ProposedOperation]) -> dict[str, Json]:
    """The statement that allows some operations: each tenant its own objects alone."""
    return {
        "Effect": "Allow",
        "Action": list[Json](sorted({each.action for each in operations})),
        "Resource": f"arn:durward:{api}:*:${{durward:TenantId}}:*",
    }


def _scoped(found: Iterable[ProposedOperation]) -> bool:
    return any(each.operation.scopes for each in found)


def _free(name: str, taken: Container[str]) -> str:
    """The name, cut to its length; with a number, if another role is called so."""
    ends = chain([""], (f"-{number}" for number in count(2)))
    cut = (f"{name[: MAX_ROLE_CHARACTERS - len(end)].rstrip('-')}{end}" for end in ends)
    return next(each for each in cut if each not in taken)


def _keys(each: ProposedOperation) -> list[tuple[str, str]]:
    """The roles that an operation belongs to, by name and reason; none for a public one."""
    operation = each.operation
    if operation.public:
        return []
    if operation.scopes:
        named = [sorted(scopes) for scopes in operation.scopes]
        return [
            (slug("-".join(scopes)) or "scope", f"scopes: {' '.join(scopes)}") for scopes in named
        ]
    kind = "read" if operation.method in READS else "write"
    group = group_of(operation)
    return [(f"{group}-{kind}", f"operations of `{group}` that {kind}")]
