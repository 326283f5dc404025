"""Declaration files: kinds, below them names, below them bodies.

The paths of an API's OpenAPI file and overlays, and of the certificates of its service's CA, are
relative to the declaration file.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.errors import Misconfigured
from durward.core.policy.language.source import escape
from durward.core.wire import Json
from durward.entrypoints.certificate_files import with_certificates
from durward.entrypoints.files import check_regular, read_file
from durward.entrypoints.openapi_files import DocumentSource, checked, document_of

DECLARATIONS = "*durward.yaml"
TESTS = ".test.yaml"


def read_declarations(path: Path) -> list[Declaration]:
    """The declarations of a file, or of a folder's files of declarations (`files_in`).

    A folder's `*.test.yaml` are the tests of its policies. Raises Misconfigured.
    """
    declared = {file: list(declarations_of(file)) for file in files_in(path)}
    refuse_duplicates(declared)
    tests = sorted(path.glob(f"*{TESTS}")) if path.is_dir() else []
    return [*chain.from_iterable(declared.values()), *map(tests_in, tests)]


def files_in(path: Path) -> list[Path]:
    """The declaration files at a path: a file itself, or a folder's `*durward.yaml`.

    Every command reads these files and no others, so that checks and `apply` read the same. Raises
    Misconfigured if a folder has none.
    """
    files = sorted(path.glob(DECLARATIONS)) if path.is_dir() else [path]
    if not files:
        hint = "call a file durward.yaml, or NAME.durward.yaml"
        raise Misconfigured(str(path), "has no declaration files", hint=hint)
    for file in files if path.is_dir() else ():
        check_regular(file)
    return files


def refuse_duplicates(declared: Mapping[Path, Iterable[Declaration]]) -> None:
    """Refuse two declarations of the same kind and name. Raises Misconfigured."""
    known: dict[tuple[DeclarationKind, str], Path] = {}
    for file, listed in declared.items():
        for found in listed:
            other = known.setdefault((found.kind, found.name), file)
            if other != file:
                where = f"{file}: {found.kind}/{found.name}"
                raise Misconfigured(where, f"is declared in {other} too")


def tests_in(file: Path) -> Declaration:
    """A file of tests. Raises Misconfigured."""
    check_regular(file)
    content = read_file(file)
    if not isinstance(content, dict):
        raise Misconfigured(str(file), "not an object", hint="tests: [{name: …, when: …}]")
    return Declaration(DeclarationKind.TESTS, file.name.removesuffix(TESTS), content)


def declarations_of(file: Path) -> Iterator[Declaration]:
    """The declarations of one file. Raises Misconfigured."""
    content = read_file(file)
    if not isinstance(content, dict):
        problem = "is empty" if content is None else "has no kinds"
        raise Misconfigured(str(file), problem, hint=f"kinds are {', '.join(DeclarationKind)}")
    if is_policy(content):
        hint = "declare it: `policies: { NAME: … }`, beside what it is attached to"
        raise Misconfigured(str(file), "is a single policy, not declarations", hint=hint)
    for kind, bodies in content.items():
        if kind not in set(DeclarationKind):
            hint = f"kinds are {', '.join(DeclarationKind)}"
            raise Misconfigured(f"{file}: /{kind}", "unknown kind", hint=hint)
        if not isinstance(bodies, dict):
            raise Misconfigured(f"{file}: /{kind}", "not an object of names")
        for name, body in bodies.items():
            if not isinstance(body, dict):
                raise Misconfigured(f"{file}: /{kind}/{name}", "not an object")
            if kind == DeclarationKind.API:
                body = with_certificates(file, name, body)  # noqa: PLW2901 - completed in steps
            yield Declaration(DeclarationKind(kind), name, with_document(file, kind, name, body))


def is_policy(content: Json) -> bool:
    """Whether a file holds a single policy instead of declarations."""
    return isinstance(content, dict) and not content.keys().isdisjoint({"Statement", "Version"})


def with_document(file: Path, kind: str, name: str, body: dict[str, Json]) -> dict[str, Json]:
    """The body of an API with its document, overlays applied, in place of their paths.

    Raises Misconfigured.
    """
    document = body.get("openapi")
    if kind != DeclarationKind.API or not isinstance(document, str | dict):
        return body
    overlays = body.get("overlays", [])
    if not isinstance(overlays, list) or not all(isinstance(each, str) for each in overlays):
        where = f"{file}: /{kind}/{name}/overlays"
        raise Misconfigured(where, "not a list of files", hint="overlays: [pets.overlay.yaml]")
    paths = [file.parent / str(each) for each in overlays]
    kept = {member: value for member, value in body.items() if member != "overlays"}
    declared = body.get("base_path")
    base = declared if isinstance(declared, str) else None
    if isinstance(document, str):
        source = DocumentSource(name, file.parent / document, file.parent, paths, base_path=base)
        return {**kept, "openapi": document_of(source)}
    within = f"/{kind}/{escape(name)}/openapi"
    source = DocumentSource(name, file, file.parent, paths, within, base)
    return {**kept, "openapi": checked(document, source)}
