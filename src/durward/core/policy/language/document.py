"""The grammar of policy documents (Version 2012-10-17), read strictly.

Names of elements are case-sensitive. Unknown elements and operators, and values that cannot have a
meaning, are refused at load: all problems at once, each with its place in the text.

Each node keeps the place where it was written, as a JSON pointer (RFC 6901) into its document:
`within` is the pointer of its statement, which all its nodes share; the rest of the pointer follows
from the content of the node and from `is_list`. So a place costs two words for each node, and its
text is made only for a report. `within` is empty for a node that comes from no document. Places do
not take part in comparison and hashing: nodes of the same content are equal.
"""

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from sys import intern
from typing import TypeVar

from durward.core.policy.language.dialect import OWN, VERSION, Dialect
from durward.core.policy.language.operators import (
    MAX_NUMBER_CHARACTERS,
    MAX_VALUE_CHARACTERS,
    OPERATORS,
    Operand,
    Operator,
)
from durward.core.policy.language.pattern import ActionPattern, ResourcePattern
from durward.core.policy.language.source import (
    MAX_PROBLEMS,
    PolicyError,
    Problem,
    escape,
    located,
    parse_text,
)
from durward.core.wire import Json

MAX_STATEMENTS = 1_000
MAX_VALUES = 1_000
MAX_CONDITIONS = 100
MAX_NAME_CHARACTERS = 64
"""A misspelled name that is longer is not compared with the known names."""
CLOSE_ENOUGH = 0.75

T = TypeVar("T")
Placed = tuple[str, T]
"""A JSON pointer, and the value at it."""

OLD_VERSION = "2008-10-17"
"""Documents of AWS with this version have no variables."""


class Effect(StrEnum):
    """The effect of a statement that applies."""

    ALLOW = "Allow"
    DENY = "Deny"


class Quantifier(StrEnum):
    """How the values of a key that has several are compared with those of the policy."""

    EVERY = "ForAllValues"
    SOME = "ForAnyValue"


class PolicyKind(StrEnum):
    """Where a document is attached: only one that is attached to a resource names principals."""

    IDENTITY = "identity"
    RESOURCE = "resource"


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator on one key.

    `operator` is None for `Null`, whose values are in `absent`. `refused` marks a condition of an
    imported document that cannot have a meaning (`dialect.imported`); documents of Durward have
    none. `written` is the key as its author spelled it.
    """

    name: str
    key: str
    operator: Operator | None
    operands: tuple[Operand, ...]
    quantifier: Quantifier | None = None
    if_exists: bool = False
    absent: frozenset[bool] = frozenset()
    refused: bool = False
    written: str = field(default="", compare=False)
    within: str = field(default="", compare=False, repr=False)
    is_list: bool = field(default=False, compare=False, repr=False)

    @property
    def operator_pointer(self) -> str:
        """The place of its operator."""
        return f"{self.within}/Condition/{escape(self.name)}"

    @property
    def pointer(self) -> str:
        """The place of its key."""
        return f"{self.operator_pointer}/{escape(self.written)}"

    @property
    def placed(self) -> tuple[Placed[Operand], ...]:
        """The values that it compares with, and their places; none for `Null`."""
        return _placed(self.pointer, self.operands, is_list=self.is_list)


@dataclass(frozen=True, slots=True)
class Actions:
    """`Action`, or its complement `NotAction`."""

    patterns: tuple[ActionPattern, ...]
    complement: bool = False
    within: str = field(default="", compare=False, repr=False)
    is_list: bool = field(default=False, compare=False, repr=False)

    @property
    def pointer(self) -> str:
        """Where the element stands."""
        return _element(self.within, "Action", complement=self.complement)

    @property
    def placed(self) -> tuple[Placed[ActionPattern], ...]:
        """Its patterns."""
        return _placed(self.pointer, self.patterns, is_list=self.is_list)


@dataclass(frozen=True, slots=True)
class Resources:
    """`Resource`, or its complement `NotResource`; `implied` if the document has neither."""

    patterns: tuple[ResourcePattern, ...]
    complement: bool = False
    implied: bool = field(default=False, compare=False, repr=False)
    within: str = field(default="", compare=False, repr=False)
    is_list: bool = field(default=False, compare=False, repr=False)

    @property
    def pointer(self) -> str | None:
        """The place of the element; None if it is implied."""
        if self.implied:
            return None
        return _element(self.within, "Resource", complement=self.complement)

    @property
    def placed(self) -> tuple[Placed[ResourcePattern], ...]:
        """Its patterns and their places; none if it is implied."""
        pointer = self.pointer
        return () if pointer is None else _placed(pointer, self.patterns, is_list=self.is_list)


@dataclass(frozen=True, slots=True)
class Principals:
    """`Principal`, or its complement `NotPrincipal`; `everybody` is `*`."""

    arns: frozenset[str]
    everybody: bool = False
    complement: bool = False
    within: str = field(default="", compare=False, repr=False)

    @property
    def pointer(self) -> str:
        """Where the element stands."""
        return _element(self.within, "Principal", complement=self.complement)


def _element(within: str, name: str, *, complement: bool) -> str:
    return f"{within}/{'Not' if complement else ''}{name}"


def _placed(pointer: str, values: Sequence[T], *, is_list: bool) -> tuple[Placed[T], ...]:
    """The values of an element with their places; a single value has the element's place."""
    if not is_list:
        return tuple((pointer, value) for value in values)
    return tuple((f"{pointer}/{index}", value) for index, value in enumerate(values))


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; `name` is its Sid, or its number (`#2`)."""

    name: str
    effect: Effect
    actions: Actions
    resources: Resources
    principals: Principals | None
    conditions: tuple[Condition, ...]
    pointer: str = field(default="", compare=False, repr=False)

    @property
    def allows(self) -> bool:
        """Whether it grants."""
        return self.effect is Effect.ALLOW


@dataclass(frozen=True, slots=True)
class Document:
    """A policy document, read."""

    name: str
    kind: PolicyKind
    statements: tuple[Statement, ...]


def parse_document(
    text: bytes, name: str, kind: PolicyKind = PolicyKind.IDENTITY, dialect: Dialect = OWN
) -> Document:
    """Read a document from JSON or YAML. Raises PolicyError with line and column."""
    value = parse_text(text, name)
    try:
        return read_document(value, name, kind, dialect)
    except PolicyError as error:
        raise PolicyError(name, located(error.problems, text)) from None


def read_document(
    value: Json, name: str, kind: PolicyKind = PolicyKind.IDENTITY, dialect: Dialect = OWN
) -> Document:
    """Read a document from a value that is parsed already. Raises PolicyError."""
    reader = _Reader(kind, dialect)
    document = Document(name, kind, tuple(reader.statements(value)))
    if reader.problems:
        raise PolicyError(name, reader.problems)
    return document


def document_kind(value: Json) -> PolicyKind:
    """The kind of a document that is attached to nothing: a resource's, if it names principals."""
    found = value.get("Statement") if isinstance(value, dict) else None
    listed = found if isinstance(found, list) else [found]
    named = any(isinstance(item, dict) and item.keys() & _PRINCIPAL for item in listed)
    return PolicyKind.RESOURCE if named else PolicyKind.IDENTITY


_PRINCIPAL = frozenset({"Principal", "NotPrincipal"})


class _Reader:
    """Reads one document and collects its problems."""

    def __init__(self, kind: PolicyKind, dialect: Dialect) -> None:
        self.kind = kind
        self.dialect = dialect
        self.is_old = False
        self.problems: list[Problem] = []

    def wrong(self, pointer: str, message: str) -> None:
        self.problems.append(Problem(pointer, message))

    def members(self, value: Json, pointer: str, known: set[str]) -> dict[str, Json] | None:
        if not isinstance(value, dict):
            self.wrong(pointer, "not an object")
            return None
        for name in sorted(value.keys() - known):
            meant = self.meant(name, known)
            self.wrong(f"{pointer}/{escape(name)}", f"`{name}` is not known here{meant}")
        return value

    def meant(self, name: str, known: Collection[str]) -> str:
        """The closest known name, for a hint; sought only for the problems that are reported."""
        if len(self.problems) >= MAX_PROBLEMS or len(name) > MAX_NAME_CHARACTERS:
            return ""
        spelled = {each.lower(): each for each in sorted(known)}
        close = difflib.get_close_matches(name.lower(), spelled, n=1, cutoff=CLOSE_ENOUGH)
        return f"; did you mean `{spelled[close[0]]}`?" if close else ""

    def statements(self, value: Json) -> Iterator[Statement]:
        document = self.members(value, "", {"Version", "Id", "Statement"})
        if document is None:
            return
        self.head(document)
        found = document.get("Statement", [])
        listed = found if isinstance(found, list) else [found]
        if len(listed) > MAX_STATEMENTS:
            self.wrong("/Statement", f"more than {MAX_STATEMENTS} statements")
            return
        names: set[str] = set()
        for index, item in enumerate(listed):
            pointer = f"/Statement/{index}" if isinstance(found, list) else "/Statement"
            statement = self.statement(item, pointer, index)
            if statement is None:
                continue
            if statement.name in names and self.dialect.lenient:
                statement = replace(statement, name=f"{statement.name}#{index + 1}")
            elif statement.name in names:
                self.wrong(f"{pointer}/Sid", f"a second statement is named `{statement.name}`")
                continue
            names.add(statement.name)
            yield statement

    def head(self, document: Mapping[str, Json]) -> None:
        version = document.get("Version", self.dialect.version)
        self.is_old = version == OLD_VERSION and self.dialect.lenient
        if version is None and "Version" not in document:
            self.wrong("", f"has no `Version`, which is `{VERSION}`")
        elif version == OLD_VERSION and not self.is_old:
            hint = "documents of 2008 have no variables"
            self.wrong("/Version", f"`Version` is `{VERSION}`; {hint}")
        elif version != VERSION and not self.is_old:
            self.wrong("/Version", f"`Version` is `{VERSION}`")
        if "Statement" not in document:
            self.wrong("", "has no `Statement`")
        if "Id" in document and self.kind is PolicyKind.IDENTITY and not self.dialect.has_ids:
            self.wrong("/Id", "an identity policy has no `Id`")
        elif not isinstance(document.get("Id", ""), str):
            self.wrong("/Id", "not a string")

    def statement(self, value: Json, pointer: str, index: int) -> Statement | None:
        known = {"Sid", "Effect", "Condition", "Principal", "NotPrincipal"}
        known |= {"Action", "NotAction", "Resource", "NotResource"}
        members = self.members(value, pointer, known)
        if members is None:
            return None
        before = len(self.problems)
        sid = members.get("Sid", "")
        if not isinstance(sid, str) or not self.dialect.sid.match(sid):
            quoted = "" if isinstance(sid, str) else ", as a string: quote it"
            self.wrong(f"{pointer}/Sid", f"`Sid` is letters and digits{quoted}")
            sid = ""
        effect = members.get("Effect")
        if effect not in ("Allow", "Deny"):
            self.wrong(f"{pointer}/Effect", "`Effect` is `Allow` or `Deny`")
        actions = self.actions(members, pointer)
        resources = self.resources(members, pointer)
        principals = self.principals(members, pointer)
        conditions = tuple(self.conditions(members.get("Condition", {}), pointer))
        if len(self.problems) > before or actions is None or resources is None:
            return None
        name = sid or f"#{index + 1}"
        effect = Effect(str(effect))
        return Statement(name, effect, actions, resources, principals, conditions, pointer)

    def either(
        self, members: Mapping[str, Json], pointer: str, name: str
    ) -> tuple[str, bool] | None:
        """Which of `Name` and `NotName` is present; exactly one must be."""
        given = [found for found in (name, f"Not{name}") if found in members]
        if len(given) != 1:
            self.wrong(pointer, f"has exactly one of `{name}` and `Not{name}`")
            return None
        return given[0], given[0] != name

    def texts(self, value: Json, pointer: str) -> Iterator[tuple[str, str]]:
        listed = value if isinstance(value, list) else [value]
        if not listed:
            self.wrong(pointer, "an empty list")
        if len(listed) > MAX_VALUES:
            self.wrong(pointer, f"more than {MAX_VALUES} values")
            return
        for index, item in enumerate(listed):
            place = f"{pointer}/{index}" if isinstance(value, list) else pointer
            if isinstance(item, str):
                yield place, item
            else:
                self.wrong(place, "not a string")

    def text_of(self, text: str) -> str:
        """A string in which variables have the names that requests use."""
        return text.replace("${", "${$}{") if self.is_old else self.dialect.text_of(text)

    def actions(self, members: Mapping[str, Json], pointer: str) -> Actions | None:
        given = self.either(members, pointer, "Action")
        if given is None:
            return None
        patterns = []
        for place, text in self.texts(members[given[0]], f"{pointer}/{given[0]}"):
            try:
                patterns.append(self.dialect.action(text))
            except ValueError as error:
                self.wrong(place, str(error))
        is_list = isinstance(members[given[0]], list)
        return Actions(tuple(patterns), complement=given[1], within=pointer, is_list=is_list)

    def resources(self, members: Mapping[str, Json], pointer: str) -> Resources | None:
        if self.kind is PolicyKind.RESOURCE and not members.keys() & {"Resource", "NotResource"}:
            return Resources((ResourcePattern("*", None),), implied=True, within=pointer)
        given = self.either(members, pointer, "Resource")
        if given is None:
            return None
        patterns = []
        for place, text in self.texts(members[given[0]], f"{pointer}/{given[0]}"):
            try:
                pattern = self.dialect.resource(self.text_of(text))
                self.check_keys(pattern.keys)
                patterns.append(pattern)
            except ValueError as error:
                self.wrong(place, str(error))
        is_list = isinstance(members[given[0]], list)
        return Resources(tuple(patterns), complement=given[1], within=pointer, is_list=is_list)

    def principals(self, members: Mapping[str, Json], pointer: str) -> Principals | None:
        names = sorted(members.keys() & {"Principal", "NotPrincipal"})
        if self.kind is PolicyKind.IDENTITY and not (names and self.dialect.lenient):
            for name in names:
                self.wrong(f"{pointer}/{name}", f"an identity policy has no `{name}`")
            return None
        if self.dialect.lenient and not names:
            return Principals(frozenset(), within=pointer)
        given = self.either(members, pointer, "Principal")
        if given is None:
            return None
        name, complement = given
        named = self.named(members[name], f"{pointer}/{name}")
        if named is None:
            return None
        if members.get("Effect") == Effect.ALLOW and not complement:
            named = set(map(self.dialect.granted, named))
        everybody = "*" in named
        arns = frozenset(named - {"*"})
        return Principals(arns, everybody=everybody, complement=complement, within=pointer)

    def named(self, value: Json, place: str) -> set[str] | None:
        """The names of principals, by their types; `*` means everybody."""
        if value == "*":
            return {"*"}
        if self.dialect.lenient and isinstance(value, str | list):
            value = {"AWS": value}
        kinds = self.members(value, place, set(self.dialect.principals))
        if kinds is None:
            return None
        if not kinds:
            self.wrong(place, "names nobody")
        names: set[str] = set()
        for kind in kinds.keys() & self.dialect.principals.keys():
            for where, text in self.texts(kinds[kind], f"{place}/{kind}"):
                name = self.dialect.principals[kind](text)
                if name is not None:
                    names.add(name)
                elif not self.dialect.lenient:
                    shape = self.dialect.principal_shape
                    self.wrong(where, f"`{text}` is not a principal; write `{shape}`, or `*`")
        return names

    def check_keys(self, keys: frozenset[str]) -> None:
        """Raises ValueError for a variable that names no key in this dialect."""
        for key in sorted(keys):
            if not self.dialect.key.match(key):
                raise ValueError(f"`${{{key}}}` names no key")

    def conditions(self, value: Json, within: str) -> Iterator[Condition]:
        pointer = f"{within}/Condition"
        if not isinstance(value, dict):
            self.wrong(pointer, "not an object")
            return
        count = 0
        for name, keys in value.items():
            place = f"{pointer}/{escape(name)}"
            if not isinstance(keys, dict):
                self.wrong(place, "not an object of keys")
                continue
            if not keys and not self.dialect.empty_values:
                self.wrong(place, "has no key, so it would test nothing")
            for key, values in keys.items():
                count += 1
                if count > MAX_CONDITIONS:
                    self.wrong(pointer, f"more than {MAX_CONDITIONS} conditions")
                    return
                before = len(self.problems)
                found = self.condition(name, key, values, within)
                if self.dialect.lenient and len(self.problems) > before:
                    del self.problems[before:]
                    found = Condition(
                        name, key.lower(), None, (), refused=True, written=key, within=within
                    )
                if found:
                    yield found

    def condition(self, name: str, key: str, values: Json, within: str) -> Condition | None:
        place = f"{within}/Condition/{escape(name)}/{escape(key)}"
        if not self.dialect.key.match(key):
            self.wrong(place, f"`{key}` is not a key; write `prefix:Name`")
            return None
        texts = list(self.values(values, place))
        prefix, colon, base = name.rpartition(":")
        base, if_exists = base.removesuffix("IfExists"), base.endswith("IfExists")
        if name == "Null":
            return self.null(key, texts, within)
        operator = OPERATORS.get(base)
        if operator is None or (colon and prefix not in set(Quantifier)):
            presence = "; `Null` has no prefix or suffix: it tests presence itself"
            meant = presence if base == "Null" else self.meant(name, _NAMES)
            self.wrong(place.rpartition("/")[0], f"`{name}` is not an operator{meant}")
            return None
        operands = []
        for where, text in texts:
            try:
                operand = operator.read(self.text_of(text))
                self.check_keys(operand.keys)
                operands.append(operand)
            except ValueError as error:
                self.wrong(where, str(error))
        quantifier = Quantifier(prefix) if colon else None
        return Condition(
            name,
            self.dialect.key_of(key),
            operator,
            tuple(operands),
            quantifier,
            if_exists,
            written=intern(key),
            within=within,
            is_list=isinstance(values, list),
        )

    def null(self, key: str, texts: list[tuple[str, str]], within: str) -> Condition:
        wanted = set()
        for where, text in texts:
            if text.lower() in {"true", "false"}:
                wanted.add(text.lower() == "true")
            else:
                self.wrong(where, f"`{text}` is neither `true` nor `false`")
        named, absent = self.dialect.key_of(key), frozenset(wanted)
        return Condition("Null", named, None, (), absent=absent, written=intern(key), within=within)

    def values(self, value: Json, pointer: str) -> Iterator[tuple[str, str]]:
        listed = value if isinstance(value, list) else [value]
        if not listed and not self.dialect.empty_values:
            self.wrong(pointer, "an empty list")
        if len(listed) > MAX_VALUES:
            self.wrong(pointer, f"more than {MAX_VALUES} values")
            return
        for index, item in enumerate(listed):
            place = f"{pointer}/{index}" if isinstance(value, list) else pointer
            text = value_text(item)
            if text is None:
                self.wrong(place, "not a string, a number or a boolean")
            elif len(text) > MAX_VALUE_CHARACTERS:
                self.wrong(place, f"longer than {MAX_VALUE_CHARACTERS} characters")
            else:
                yield place, text


_NAMES = tuple(
    f"{prefix}{name}{suffix}"
    for name in OPERATORS
    for prefix in ("", *(f"{quantifier}:" for quantifier in Quantifier))
    for suffix in ("", "IfExists")
)
"""Every operator, in each of its spellings."""


def value_text(value: object) -> str | None:
    """A value of a condition or a context as a string; None if it is of no supported type.

    A number is written in the canonical form of JSON (RFC 8785 §3.2.2.3): 1.0 is `1`.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        whole = value.is_integer() and abs(value) < MAX_WHOLE
        return str(int(value)) if whole else repr(value)
    return str(value) if isinstance(value, int) and abs(value) < MAX_INTEGER else None


MAX_WHOLE = 1e21
MAX_INTEGER = 10**MAX_NUMBER_CHARACTERS
"""Python converts longer integers to strings slowly, or refuses to."""
