"""The declarations at the start of a demo, and the secrets that are made for them."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.wire import compact_json
from durward.entrypoints.control import Control, path_of
from durward.entrypoints.credentials import add_credentials, check_credentials, read_credentials
from durward.entrypoints.declarations import read_declarations
from durward.entrypoints.demo.instance import DemoInstance


def seed(place: DemoInstance, runtime: Path) -> None:
    """Declare the sample, as `durward apply` would; its secrets go into the credentials file.

    A declaration whose text has not changed since the last start stays as it is: a change that was
    applied since, for example a Deny, survives a restart of the demo.
    """
    control, kept = Control(runtime), place.folder / "credentials"
    wanted = read_declarations(place.orders / "durward.yaml")
    check_credentials(kept)
    if changed := list(changed_since(wanted, seeded(place), control.get("/admin/v1/declarations"))):
        add_credentials(kept, control.apply(changed, prune=False)["secrets"], "clients")
    place.seeded.write_text(json.dumps({name_of(one): mark(one) for one in wanted}))
    known = read_credentials(kept).get("users", {})
    people = [found.name for found in wanted if found.kind is DeclarationKind.USER]
    fresh = {
        name: control.post(path_of("people", name, "password"), {}, "start it again")["password"]
        for name in people
        if name not in known or not control.get(path_of("people", name))["password"]
    }
    add_credentials(kept, fresh, "users")


def changed_since(
    wanted: Iterable[Declaration],
    former: Mapping[str, str],
    there: Mapping[str, Mapping[str, object]],
) -> Iterator[Declaration]:
    """The declarations that are new or changed since the last start, or that were removed."""
    for one in wanted:
        if one.name not in there.get(one.kind, {}) or former.get(name_of(one)) != mark(one):
            yield one


def name_of(declaration: Declaration) -> str:
    """The kind and name of a declaration."""
    return f"{declaration.kind}/{declaration.name}"


def mark(declaration: Declaration) -> str:
    """The digest of a declaration."""
    return hashlib.sha256(compact_json(declaration.body)).hexdigest()


def seeded(place: DemoInstance) -> Mapping[str, str]:
    """The digests of the declarations of the last start; empty if they are not known."""
    try:
        return msgspec.json.decode(place.seeded.read_bytes(), type=dict[str, str])
    except (OSError, ValueError):
        return {}
