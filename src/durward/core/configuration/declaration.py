"""What every declaration has: a kind, a name, and a body whose references are declared too."""

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, ClassVar, Final

import msgspec

from durward.core.wire import Json


class DeclarationKind(StrEnum):
    """What can be declared, in the order in which changes are told."""

    TENANT = "tenants"
    POLICY = "policies"
    ROLE = "roles"
    GROUP = "groups"
    API = "apis"
    CLIENT = "clients"
    WAIVER = "waivers"
    USER = "users"
    TESTS = "tests"


@dataclass(frozen=True)
class Declaration:
    """One thing that somebody declared."""

    kind: DeclarationKind
    name: str
    body: Mapping[str, Json]


Text = Annotated[str, msgspec.Meta(max_length=200)]
Names = tuple[Text, ...]
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,127}\Z")
NAME_CHARACTERS: Final = "letters, digits, `_.@+-`"


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every body has."""

    REFERENCES: ClassVar[Mapping[str, DeclarationKind]] = {}
    """The members that name other declarations, and of which kind those are."""

    name: Text = ""
    """What people call it, on pages and in lists."""

    def broken_references(
        self, declared: Mapping[DeclarationKind, Container[str]]
    ) -> Iterator[str]:
        """A problem for each name that is not declared."""
        for member, kind in self.REFERENCES.items():
            value = getattr(self, member)
            for named in (value,) if isinstance(value, str) else value:
                if named not in declared[kind]:
                    yield f"{member} names `{named}`, which is not declared"
