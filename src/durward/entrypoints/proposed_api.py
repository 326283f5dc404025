"""What is proposed for a service whose OpenAPI document somebody else wrote.

The document is read as `plan` reads it. An operation that cannot be read is proposed to be removed,
so that it is not served, and is reported.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from durward.core.configuration.api import (
    API_NAME,
    API_NAME_CHARACTERS,
    ProtectedApi,
    check_resource,
)
from durward.core.configuration.declaration import NAME, NAME_CHARACTERS
from durward.core.configuration.starter import starter
from durward.core.errors import Misconfigured
from durward.core.openapi.faults import DocumentRefused
from durward.core.openapi.members import METHODS
from durward.core.openapi.operations import Inventory, Operation, read_inventory
from durward.core.openapi.overlay import OPTIONAL, OverlaidDocument, OverlayRefused
from durward.core.openapi.proposal import proposed, slug
from durward.core.openapi.references import bundled
from durward.core.openapi.router import Route, Router
from durward.core.openapi.template import filled_with
from durward.core.policy.language.source import PolicyError, parse_text
from durward.core.sizes import DOCUMENT_BYTES, DOCUMENT_DEPTH
from durward.core.wire import Json
from durward.entrypoints.control import settings_in
from durward.entrypoints.document_faults import Place, with_places
from durward.entrypoints.files import check_regular, read_foreign
from durward.entrypoints.openapi_files import DocumentSource, Folder
from durward.entrypoints.overlay_files import with_overlays
from durward.entrypoints.proposed_files import Change, ProposedApi, target_of

MAX_ROUNDS: Final = 20
"""Of reading again without what could not be read: each finds what the former hid."""


@dataclass(frozen=True)
class Proposal:
    """What is proposed, and what people should know about it."""

    api: ProposedApi
    notes: tuple[str, ...]
    document: Json
    """What the overlay that is proposed is applied to."""


def propose(
    url: str,
    file: Path,
    overlays: Sequence[Path],
    name: str | None,
    audience: str | None,
    tenant: str | None,
    hosts: tuple[str, ...],
    prefix: str | None,
    into: Path,
    folder: Path,
) -> Proposal:
    """Read the document, and make a proposal of it. Raises Misconfigured."""
    check_regular(file)
    if not into.is_dir():
        raise Misconfigured(str(into), "not a folder", hint="make it first")
    document = read_foreign(file)
    api = name or default_name(document, file)
    if not API_NAME.match(api):
        raise Misconfigured("--name", f"`{api}` is no name of an API", hint=API_NAME_CHARACTERS)
    known = audience or default_audience(api, folder)
    check_resource(known)
    whole, place = with_files(document, file, api, overlays, into)
    upstream, base = split_url(url)
    place_of = ProtectedApi(known, upstream, {}, hosts=hosts, prefix=prefix, base_path=base)
    for problem in place_of.problems_of_place():
        raise Misconfigured(f"apis/{api}", problem)
    removed, inventory = made_readable(whole, api, base, place)
    owner = tenant or api
    if not NAME.match(owner):
        raise Misconfigured("--tenant", f"`{owner}` is no name of a tenant", hint=NAME_CHARACTERS)
    operations = proposed(api, owner, inventory.operations)
    paths = [os.path.relpath(each, into) for each in (file, *overlays)]
    return Proposal(
        ProposedApi(
            *(api, known, owner, upstream, paths[0], tuple(paths[1:]), hosts, prefix, base),
            *(tuple(operations), as_documented(whole, inventory.operations)),
            tuple((target, removed[target]) for target in innermost_first(removed)),
            starter(api, operations),
        ),
        inventory.notes,
        whole,
    )


def split_url(url: str) -> tuple[str, str | None]:
    """The address of a service, and the path below which it serves, if the URL has one."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    if not separator or not slash:
        return url, None
    return f"{scheme}://{authority}", f"/{path.rstrip('/')}" if path.rstrip("/") else None


def as_documented(document: Json, operations: Iterable[Operation]) -> tuple[str, ...]:
    """The paths of operations as the document has them, without the dots of the style `label`."""
    paths = document.get("paths") if isinstance(document, dict) else None
    written = paths if isinstance(paths, dict) else {}
    labels = {path.replace(".{", "{"): path for path in written}
    # A dot may be written, too: what stands there is looked for first.
    return tuple(
        each.path if each.path in written else labels[each.path.replace(".{", "{")]
        for each in operations
    )


def default_name(document: Json, file: Path) -> str:
    """A name made of the title of a document, or of the name of its file."""
    info = document.get("info") if isinstance(document, dict) else None
    title = info.get("title") if isinstance(info, dict) else None
    made = slug(title) if isinstance(title, str) else ""
    return made or slug(file.stem) or "api"


def default_audience(api: str, folder: Path) -> str:
    """The URL of an API at the edge of a folder. Raises Misconfigured where none is known."""
    hint = "name it: --audience https://api.example.com"
    try:
        edge = settings_in(folder).edge
    except Misconfigured as error:
        raise Misconfigured("--audience", f"not given, and {error}", hint=hint) from error
    if edge is None or edge.apis.startswith("unix:"):
        raise Misconfigured("--audience", "not given, and no edge here has an address", hint=hint)
    return f"{'https' if edge.tls else 'http'}://{edge.apis}/{api}"


def with_files(
    document: Json, file: Path, api: str, overlays: Sequence[Path], root: Path
) -> tuple[Json, Callable[[str], Place]]:
    """The document with what it refers to and the overlays of others, and where a part is."""

    def in_document(pointer: str) -> Place:
        return file, pointer

    folder, name = DocumentSource(api, file, root).folder
    try:
        whole = bundled(document, name, Folder(folder).load)
    except DocumentRefused as error:
        raise with_places("OpenAPI document", api, error.faults, in_document) from error
    if not overlays:
        return whole, in_document
    return with_overlays(whole, api, overlays, file, in_document)


def made_readable(
    document: Json, api: str, base_path: str | None, place: Callable[[str], Place]
) -> tuple[dict[str, str], Inventory]:
    """What is removed of a document so that it can be read, with reasons, and what is read.

    An operation that cannot be read is not served, and is listed. Raises Misconfigured where
    something else is wrong too.
    """
    removed: dict[str, str] = {}
    places: dict[str, tuple[str, str]] = {}
    rest = document
    for _ in range(MAX_ROUNDS):
        try:
            inventory = read_inventory(rest, api, base_path)
            return _with_answers(removed, places, inventory.operations), inventory
        except DocumentRefused as error:
            others = [each for each in error.faults if _operation(each.pointer) is None]
            found = [(_operation(each.pointer), each.message) for each in error.faults]
            new = {target_of(*filter(None, one)): (one, why) for one, why in found if one}
            if others or not new.keys() - removed.keys():
                raise with_places("OpenAPI document", api, others or error.faults, place) from error
            removed |= {target: why for target, (_, why) in new.items()}
            places |= {target: one for target, (one, _) in new.items()}
            rest = _without(document, removed)
    raise Misconfigured(f"apis/{api}", "the OpenAPI document has too many faults")


def _operation(pointer: str) -> tuple[str, str] | None:
    """The path and method that a fault is in, the latter empty if it is in none; None elsewhere."""
    match [each.replace("~1", "/").replace("~0", "~") for each in pointer.split("/")]:
        case ["", "paths", path, method, *_] if method in METHODS:
            return path, method
        case ["", "paths", path, *_]:
            return path, ""
        case _:
            return None


def _with_answers(
    removed: Mapping[str, str],
    places: Mapping[str, tuple[str, str]],
    operations: Iterable[Operation],
) -> dict[str, str]:
    """The reasons, with the operation that answers the requests of a removed one, if one does.

    It may ask for less: whoever reads the list should know.
    """
    router = Router(Route(one.method, one.path, one) for one in operations)
    told = dict(removed)
    for target, (path, method) in places.items():
        example = filled_with(path, "x")
        asked = [method.upper()] if method else map(str.upper, METHODS)
        for found in filter(None, (router.match(each, example) for each in asked)):
            other = found[0].what
            told[target] += f"; `{other.method} {other.path}` answers its requests"
            break
    return told


def _without(document: Json, targets: Iterable[str]) -> Json:
    overlaid = OverlaidDocument(document)
    actions: list[Json] = [
        {"target": target, "remove": True, OPTIONAL: True} for target in innermost_first(targets)
    ]
    overlaid.apply({"overlay": "1.0.0", "info": {"title": "", "version": ""}, "actions": actions})
    return overlaid.result()


def innermost_first(targets: Iterable[str]) -> list[str]:
    """The targets without those of operations whose path is among them."""
    listed = set(targets)
    return sorted(each for each in listed if each.rpartition("]")[0] + "]" not in listed - {each})


def check_file(proposal: Proposal, change: Change) -> None:
    """Refuse a file that `plan` would not take once it is written. Raises Misconfigured."""
    text, name = change.after.encode(), str(change.path)
    try:
        content = parse_text(
            text, name, limit_bytes=DOCUMENT_BYTES, limit_depth=DOCUMENT_DEPTH, aliases=True
        )
        if change.path.name == proposal.api.overlay:
            overlaid = OverlaidDocument(proposal.document)
            overlaid.apply(content)
            read_inventory(overlaid.result(), proposal.api.name, proposal.api.base_path)
    except (PolicyError, OverlayRefused, DocumentRefused) as error:
        hint = "correct what was edited there, and run the command again"
        raise Misconfigured(str(change.path), str(error), hint=hint) from error
