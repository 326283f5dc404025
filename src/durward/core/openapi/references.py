"""`$ref` in what is read: path items, operations, parameters, security schemes, `x-durward`.

A reference names a place of the same document (`#/components/pathItems/Pet`) or of a file in the
document's folder or below it (`paths/pet.yaml#/get`). Nothing is fetched, and nothing outside of
the folder is read (OpenAPI 3.1.1 §4.6, RFC 6901 §6). References anywhere else, in schemas and
answers, are not read at all.

`bundled` writes what files hold in place of the references to it: who takes the document later
reads no files. References inside the document stay as they are, so that it does not grow by them.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from durward.core.difference import excerpt
from durward.core.errors import Misconfigured
from durward.core.openapi.faults import DocumentRefused, Findings, TooMany, pointed
from durward.core.openapi.members import METHODS, OF_A_PATH_ITEM, OF_AN_OPERATION, REF, meant
from durward.core.sizes import DECLARATION_BYTES
from durward.core.wire import Json, compact_json

MAX_CHAIN: Final = 16
MAX_REFERENCE_CHARACTERS: Final = 2_000
ENDINGS: Final = (".yaml", ".yml", ".json")
RESTRICTING: Final = OF_AN_OPERATION | OF_A_PATH_ITEM
"""Members that would be lost beside `$ref`, which ignores them (OpenAPI 3.1.1 §4.8.23)."""

Load = Callable[[str], Json]
"""The content of a file, by its path from the document's folder. Raises Misconfigured."""

_UNUSABLE = re.compile(r"[\x00-\x1f\x7f\\?]")
_INDEX = re.compile(r"(?:0|[1-9][0-9]{0,8})\Z")
_BAD_ESCAPE = re.compile(r"~(?![01])")


class BrokenReference(Exception):  # noqa: N818 - a fact about the document, told as a fault
    """A reference that is not followed, with the reason."""


@dataclass(frozen=True, slots=True)
class ResolvedReference:
    """A value after its references are followed, and the file that contains it."""

    value: Json
    file: str
    left: bool
    """Whether the references led through another file than the document."""


def _no_files(name: str) -> Json:
    raise Misconfigured(name, "files are read only where the document itself is a file")


class References:
    """The references of one document."""

    def __init__(self, document: Json, name: str = "", load: Load = _no_files) -> None:
        self.name = name
        self._files: dict[str, Json] = {name: document}
        self._load = load
        self._followed: dict[tuple[str, str], ResolvedReference | str] = {}
        """The targets of references, or their errors: one may occur at thousands of places."""

    def read(self, value: Json, place: str, found: Findings) -> Json:
        """The value after its references; None, and a fault, if they cannot be followed."""
        try:
            return self.follow(value, self.name).value
        except BrokenReference as error:
            found.refuse(f"{place}/{REF}", str(error))
            return None

    def follow(self, value: Json, file: str) -> ResolvedReference:
        """A value of a file after its references. Raises BrokenReference."""
        reference = value.get(REF) if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(reference, str):
            return self._follow(value, file)
        _check_beside(value)
        key = (file, reference)
        if key not in self._followed:
            try:
                self._followed[key] = self._follow(value, file)
            except BrokenReference as error:
                self._followed[key] = str(error)
        found = self._followed[key]
        if isinstance(found, str):
            raise BrokenReference(found)
        return found

    def _follow(self, value: Json, file: str) -> ResolvedReference:
        seen: set[tuple[str, str]] = set()
        while isinstance(value, dict) and REF in value:
            _check_beside(value)
            file, fragment = _target(value[REF], file)
            if (file, fragment) in seen:
                raise BrokenReference("goes in a circle")
            if len(seen) == MAX_CHAIN:
                raise BrokenReference(f"leads over more than {MAX_CHAIN} references")
            seen.add((file, fragment))
            value = _at(self._content(file), fragment)
        return ResolvedReference(value, file, any(name != self.name for name, _ in seen))

    def _content(self, file: str) -> Json:
        if file not in self._files:
            try:
                self._files[file] = self._load(file)
            except Misconfigured as error:
                raise BrokenReference(f"{error.path}: {error.problem}") from error
        return self._files[file]


def _check_beside(value: dict[str, Json]) -> None:
    if unclear := min((name for name in value if not _may_stand_beside(name)), default=None):
        hint = "write it where the reference leads"
        raise BrokenReference(
            f"`{excerpt(unclear)}` stands beside the reference and is not read; {hint}"
        )


def _may_stand_beside(name: str) -> bool:
    """Whether a member restricts nothing and is no misspelling of one that does."""
    return name == REF or not (name.lower() in RESTRICTING or name in RESTRICTING or meant(name))


def _target(reference: Json, file: str) -> tuple[str, str]:
    """The file and the pointer that a reference names. Raises BrokenReference."""
    if not isinstance(reference, str) or not 0 < len(reference) <= MAX_REFERENCE_CHARACTERS:
        raise BrokenReference("not a reference; write `#/components/…` or `file.yaml#/…`")
    head, _, fragment = reference.partition("#")
    pointer = _decoded(fragment)
    if pointer and not pointer.startswith("/"):
        raise BrokenReference(f"`#{fragment}` is not a JSON pointer; write `#/…`")
    return (_file(head, file) if head else file), pointer


def _file(reference: str, file: str) -> str:
    path = _decoded(reference)
    try:
        is_url = bool(urlsplit(reference).scheme) or path.startswith("//")
    except ValueError:
        is_url = True
    if is_url:
        raise BrokenReference("names a URL, and none is fetched; put a copy beside the document")
    if path.startswith("/") or _UNUSABLE.search(path) or not path.endswith(ENDINGS):
        hint = "write its path from the folder of this one, with `/` between names"
        raise BrokenReference(f"not a file of YAML or JSON below the document's folder; {hint}")
    parts = file.split("/")[:-1]
    for part in path.split("/"):
        if part == ".." and not parts:
            raise BrokenReference("leaves the folder of the declaration; put a copy into it")
        if part == "..":
            parts.pop()
        elif part not in {"", "."}:
            parts.append(part)
    return "/".join(parts)


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        raise BrokenReference("its escapes are not UTF-8") from error


def _at(content: Json, pointer: str) -> Json:
    """The value at a JSON pointer (RFC 6901 §4). Raises BrokenReference."""
    if _BAD_ESCAPE.search(pointer):
        raise BrokenReference(f"`{pointer}`: `~` is written `~0` in a JSON pointer")
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(content, dict) and name in content:
            content = content[name]
        elif isinstance(content, list) and _INDEX.match(name) and int(name) < len(content):
            content = content[int(name)]
        else:
            raise BrokenReference(f"leads nowhere: there is no `{pointer}`")
    return content


def bundled(document: Json, name: str, load: Load) -> Json:
    """The document with the content of files in place of the references to them.

    `name` is the document's own, so that files can refer back to it. Raises DocumentRefused.
    """
    if not isinstance(document, dict):
        return document
    writer = _Writer(References(document, name, load))
    try:
        written = writer.document(document)
    except TooMany as error:
        raise DocumentRefused(name, writer.found.faults) from error
    if writer.found.faults:
        raise DocumentRefused(name, writer.found.faults)
    return written


Inside = Callable[[Json, str, str], Json]


@dataclass
class _Writer:
    """Visits the places that are read; a part without references to files stays the same object."""

    references: References
    found: Findings = field(default_factory=Findings)
    _known: dict[tuple[int, str, Inside], Json] = field(default_factory=dict)
    _sizes: dict[int, int] = field(default_factory=dict)
    _bytes: int = 0

    def document(self, document: dict[str, Json]) -> Json:
        written = dict(document)
        file = self.references.name
        if isinstance(paths := document.get("paths"), dict):
            written["paths"] = self._members(paths, file, "/paths", paths, self._path_item)
        if isinstance(components := document.get("components"), dict):
            schemes = components.get("securitySchemes")
            if isinstance(schemes, dict):
                place = "/components/securitySchemes"
                read = self._members(schemes, file, place, schemes, _same)
                written["components"] = {**components, "securitySchemes": read}
        return written

    def _path_item(self, value: Json, file: str, place: str) -> Json:
        read = self._members(value, file, place, METHODS, self._operation)
        return self._parameters(read, file, place)

    def _operation(self, value: Json, file: str, place: str) -> Json:
        read = self._members(value, file, place, ("x-durward",), _same)
        return self._parameters(read, file, place)

    def _parameters(self, value: Json, file: str, place: str) -> Json:
        listed = value.get("parameters") if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(listed, list):
            return value
        read = [
            self._placed(one, file, f"{place}/parameters/{number}", _same)
            for number, one in enumerate(listed)
        ]
        return {**value, "parameters": read} if _differ(listed, read) else value

    def _members(
        self,
        value: Json,
        file: str,
        place: str,
        names: Iterable[str],
        inside: Inside,
    ) -> Json:
        if not isinstance(value, dict):
            return value
        old = {name: value[name] for name in names if name in value}
        new = {
            name: self._placed(one, file, pointed(place, name), inside) for name, one in old.items()
        }
        return {**value, **new} if _differ(old.values(), new.values()) else value

    def _placed(self, value: Json, file: str, place: str, inside: Inside) -> Json:
        """A value with the content of files in place of references to them."""
        if not isinstance(value, dict) or REF not in value:
            return inside(value, file, place)
        try:
            target = self.references.follow(value, file)
        except BrokenReference as error:
            self.found.refuse(f"{place}/{REF}", str(error))
            return value
        key = (id(target.value), target.file, inside)  # what was loaded stays, and so its id
        if key not in self._known:
            self._known[key] = inside(target.value, target.file, place)
        read = self._known[key]
        if file == self.references.name and not target.left and read is target.value:
            return value
        return read if self._fits(read, place) else value

    def _fits(self, value: Json, place: str) -> bool:
        """Count the content written in place: a short document can name a long file many times."""
        if self._bytes > DECLARATION_BYTES:
            return False
        if id(value) not in self._sizes:  # `_known` keeps it
            self._sizes[id(value)] = len(compact_json(value))
        self._bytes += self._sizes[id(value)]
        if self._bytes > DECLARATION_BYTES:
            problem = f"with what files hold there are more than {DECLARATION_BYTES} bytes"
            self.found.refuse(place, f"{problem}; split the API")
            return False
        return True


def _same(value: Json, file: str, place: str) -> Json:  # noqa: ARG001 - it is an Inside
    return value


def _differ(old: Iterable[Json], new: Iterable[Json]) -> bool:
    return any(a is not b for a, b in zip(old, new, strict=True))
