"""`docs/reference/`: every member of declarations, of `x-durward` and of settings, from its class.

A member's meaning is its docstring, its example the value in `examples/reference/`, which the
tests read as the product does. Write the pages anew with `./check reference`; `./check docs` fails
where they differ from the classes.
"""

import ast
import inspect
import itertools
import json
import sys
import textwrap
import tomllib
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from durward.core.configuration.api import DeclaredObject, ProtectedApi
from durward.core.configuration.configuration import SHAPES
from durward.core.configuration.cors import DeclaredCors
from durward.core.configuration.upstream import (
    DeclaredHealthCheck,
    DeclaredTimeouts,
    DeclaredTls,
    DeclaredUpstream,
)
from durward.core.edge.node import Limits, Tls
from durward.core.openapi.extension import Extension
from durward.core.policy.language.catalogue import DeclaredKey
from durward.core.wire import Json
from durward.entrypoints.files import read_file
from durward.settings import EdgeSettings, MailSettings, ServeSettings

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs/reference"
EXAMPLES = ROOT / "examples/reference"
LONGEST_EXAMPLE: Final = 70
WORDS: Final[Mapping[Any, str]] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    Any: "any",
}


@dataclass(frozen=True)
class Member:
    """A member of a class, as its readers write it."""

    name: str
    type: str
    default: str
    meaning: str


@dataclass(frozen=True)
class Section:
    """A class, and where its members have examples: the values of the files in `EXAMPLES`."""

    title: str
    shape: type
    examples: Sequence[Json]


def main(arguments: Sequence[str]) -> int:
    """Write the pages; with `--check` print what differs and what has no meaning or example."""
    pages, missing = written()
    for line in missing:
        print(line)
    if "--check" not in arguments:
        PAGES.mkdir(exist_ok=True)
        for path, text in pages.items():
            path.write_text(text)
        return 1 if missing else 0
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        print(f"{path.relative_to(ROOT)}: differs from the classes; write it: ./check reference")
    return 1 if missing or stale else 0


def written() -> tuple[dict[Path, str], list[str]]:
    """Each page, and the members that lack a meaning or an example."""
    missing: list[str] = []
    pages = {
        PAGES / "declarations.md": page(
            "Declarations",
            "Each kind is a map from a name to a body with these members."
            " `policies` are [policy documents](../policy-language.md), `tests`"
            " [tests of policies](../policy-checks.md).",
            declarations(),
            missing,
        ),
        PAGES / "x-durward.md": page(
            "The extension x-durward",
            "Members of `x-durward` in an operation of an"
            " [OpenAPI document](../openapi.md#members-of-an-openapi-document)"
            " or in an overlay of it.",
            [Section("x-durward", Extension, extensions())],
            missing,
        ),
        PAGES / "settings.md": page(
            "Settings",
            "One TOML file for each process: `durward serve` reads `[serve]` and `[mail]`,"
            " `durward edge` reads `[edge]`.",
            settings(),
            missing,
        ),
    }
    return pages, missing


def declarations() -> Iterator[Section]:
    """The kinds of declarations, and what is nested in them."""
    declared = content("durward.yaml")
    for kind, shape in SHAPES.items():
        bodies = list(declared.get(kind, {}).values())
        yield Section(str(kind), shape, bodies)
        if shape is ProtectedApi:
            yield from nested(shape, bodies)


def nested(shape: type, bodies: Sequence[Json]) -> Iterator[Section]:
    """The classes of the members of a class, each once, with the examples within `bodies`."""
    for name, type_ in typing.get_type_hints(shape, include_extras=True).items():
        inner, many = inner_shape(type_)
        if inner is None:
            continue
        values = [body[name] for body in bodies if isinstance(body, dict) and name in body]
        examples: list[Json] = []
        for value in values:
            if not isinstance(value, dict):
                continue
            examples += list(value.values()) if many else [value]
        yield Section(title_of(inner), inner, examples)
        yield from nested(inner, examples)


def inner_shape(type_: Any) -> tuple[type[msgspec.Struct] | None, bool]:
    """The class of a member's value, or of each value of a map."""
    origin, parts = typing.get_origin(type_), typing.get_args(type_)
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        return type_, False
    if origin is dict:
        return inner_shape(parts[1])[0], True
    if origin in (types.UnionType, typing.Union):
        return next((found for part in parts if (found := inner_shape(part))[0]), (None, False))
    return None, False


def title_of(shape: type) -> str:
    """The heading of a nested class."""
    return TITLES.get(shape, shape.__name__)


TITLES: Final[Mapping[type, str]] = {
    DeclaredUpstream: "The upstream of an API",
    DeclaredTls: "TLS to the service",
    DeclaredHealthCheck: "The health check of the service",
    DeclaredTimeouts: "The timeouts of the service",
    DeclaredCors: "The pages that may call an API",
    DeclaredKey: "A key of an API",
    DeclaredObject: "An object of an API",
    Limits: "[edge.limits]",
    Tls: "[edge.tls]",
}


def extensions() -> list[Json]:
    """Each `x-durward` of the example document."""
    paths = content("openapi.yaml")["paths"]
    return [
        operation["x-durward"]
        for item in paths.values()
        for operation in item.values()
        if "x-durward" in operation
    ]


def settings() -> Iterator[Section]:
    """The tables of the settings file."""
    found = tomllib.loads((EXAMPLES / "durward.toml").read_text())
    yield Section("[serve]", ServeSettings, [found["serve"]])
    yield Section("[mail]", MailSettings, [found["mail"], {"folder": "/var/lib/durward/mails"}])
    yield Section("[edge]", EdgeSettings, [found["edge"]])
    yield Section("[edge.tls]", Tls, [found["edge"]["tls"]])
    yield Section("[edge.limits]", Limits, [found["edge"]["limits"]])


def content(name: str) -> dict[str, Any]:
    """An example file."""
    return msgspec.convert(read_file(EXAMPLES / name), dict[str, Any])


def page(title: str, opening: str, sections: Iterable[Section], missing: list[str]) -> str:
    """A page; members without a meaning or an example are added to `missing`."""
    lines = [f"# {title}", "", opening]
    for section in sections:
        lines += ["", f"## {section.title}", "", prose(inspect.getdoc(section.shape) or "")]
        lines += ["", "| member | type | default | example | |", "|---|---|---|---|---|"]
        for member in members(section.shape):
            where = f"{section.shape.__name__}.{member.name}"
            if not member.meaning:
                missing.append(f"{where}: has no docstring, which says what it means")
            shown = example(member.name, section.examples)
            if shown is None:
                missing.append(f"{where}: has no example in examples/reference")
            cells = (f"`{member.name}`", member.type, member.default, shown or "", member.meaning)
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def members(shape: type) -> Iterator[Member]:
    """The members of a class in their order, the inherited ones first."""
    meanings = {name: text for base in shape.__mro__[::-1] for name, text in docstrings(base)}
    hints = typing.get_type_hints(shape, include_extras=True)
    for name, default in defaults(shape):
        yield Member(name, spelled(hints[name]), default, prose(meanings.get(name, "")))


def defaults(shape: type) -> Iterator[tuple[str, str]]:
    """Each member's name, and the value that it has where it is absent."""
    if issubclass(shape, msgspec.Struct):
        for field in msgspec.structs.fields(shape):
            made = field.default_factory
            default = made() if made is not msgspec.NODEFAULT else field.default
            yield field.encode_name, "required" if field.required else shown_default(default)
        return
    for parameter in inspect.signature(shape).parameters.values():
        yield parameter.name, shown_default(parameter.default)


def shown_default(value: object) -> str:
    """A default as it would be written; nothing where absence is a value of its own."""
    if value is None or value == "" or isinstance(value, msgspec.Struct):
        return ""
    return f"`{json.dumps(value)}`" if not isinstance(value, StrEnum) else f"`{value}`"


def docstrings(shape: type) -> Iterator[tuple[str, str]]:
    """Each member's docstring: the string below it."""
    try:
        source = textwrap.dedent(inspect.getsource(shape))
    except (TypeError, OSError):  # built in
        return
    body = next(node.body for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    for member, below in itertools.pairwise(body):
        if (
            isinstance(member, ast.AnnAssign)
            and isinstance(member.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
        ):
            yield member.target.id, str(below.value.value)


def spelled(type_: Any) -> str:
    """A type in the words of those who write files."""
    origin, parts = typing.get_origin(type_), typing.get_args(type_)
    if origin is Annotated:
        return spelled(parts[0]) + bounds(parts[1:])
    if type_ in WORDS:
        return WORDS[type_]
    if isinstance(type_, type) and issubclass(type_, StrEnum):
        return " or ".join(f"`{value}`" for value in type_)
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        return f"[object](#{anchor(title_of(type_))})"
    if origin is typing.Literal:
        return " or ".join(f"`{value}`" for value in parts)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(spelled(part) for part in parts if part is not types.NoneType)
    if origin is tuple:
        return f"list of {spelled(parts[0])}s"
    if origin is dict:
        return "object" if parts[1] is Any else f"map to {spelled(parts[1])}"
    raise TypeError(f"no words for {type_!r}")


def bounds(notes: Sequence[object]) -> str:
    """The bounds of a number, in words."""
    for note in notes:
        if isinstance(note, msgspec.Meta) and note.ge is not None:
            return f", {note.ge} to {note.le}" if note.le is not None else f", at least {note.ge}"
    return ""


def anchor(title: str) -> str:
    """The anchor of a heading."""
    return "".join(
        "-" if sign == " " else sign for sign in title.lower() if sign.isalnum() or sign in " -_"
    )


def example(name: str, values: Sequence[Json]) -> str | None:
    """The first example of a member."""
    for value in values:
        if isinstance(value, dict) and name in value:
            text = json.dumps(value[name], ensure_ascii=False)
            return f"`{text if len(text) <= LONGEST_EXAMPLE else text[:LONGEST_EXAMPLE] + '…'}`"
    return None


def prose(text: str) -> str:
    """A docstring in one line."""
    return " ".join(text.split())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
