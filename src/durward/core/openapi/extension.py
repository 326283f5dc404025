"""`x-durward`: what an operation says of its object, and how it is audited."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from durward.core.openapi.faults import Findings
from durward.core.openapi.template import variables_of
from durward.core.wire import Json

TEXTS: Final = ("action", "resource", "tenant", "owner")
MEMBERS: Final = {*TEXTS, "audit", "fresh"}
STRICT, BATCHED = "strict", "batched"

_ACTION = re.compile(r"[a-z][a-z0-9-]*:[A-Za-z][A-Za-z0-9_.-]{0,127}\Z")
_RESOURCE = re.compile(r"[a-z][a-z0-9-]*/[^\s*?$]{1,200}\Z")


@dataclass(frozen=True, slots=True)
class Extension:
    """The members of `x-durward`."""

    action: str | None = None
    resource: str | None = None
    tenant: str | None = None
    owner: str | None = None
    audit: str | None = None
    fresh: bool = False


def read_extension(
    value: Json, api: str, variables: Iterable[str], place: str, found: Findings
) -> Extension | None:
    """Read it; None where it is refused."""
    before = len(found.faults)
    if not isinstance(value, dict):
        found.refuse(place, f"not an object; its members are {', '.join(sorted(MEMBERS))}")
        return None
    for name in sorted(value.keys() - MEMBERS):
        found.refuse(f"{place}/{name}", f"not one of {', '.join(sorted(MEMBERS))}")
    texts = {name: _text(value[name], name, place, found) for name in TEXTS if name in value}
    for name, text in texts.items():
        if missing := set(variables_of(text)) - set(variables):
            found.refuse(f"{place}/{name}", f"the path has no `{{{min(missing)}}}`")
    action, resource = texts.get("action"), texts.get("resource")
    if action and not (_ACTION.match(action) and action.startswith(f"{api}:")):
        found.refuse(f"{place}/action", f"write `{api}:Name`: letters, digits, `_`, `.`, `-`")
    if resource and not _RESOURCE.match(resource):
        found.refuse(f"{place}/resource", "write `type/{variable}`")
    audit, fresh = value.get("audit", BATCHED), value.get("fresh", False)
    if audit not in (STRICT, BATCHED):
        found.refuse(f"{place}/audit", f"write `{STRICT}` or `{BATCHED}`")
    if not isinstance(fresh, bool):
        found.refuse(f"{place}/fresh", "write `true` or `false`")
    if len(found.faults) > before:
        return None
    return Extension(**texts, audit=str(audit) if "audit" in value else None, fresh=fresh is True)


def _text(value: Json, name: str, place: str, found: Findings) -> str:
    if isinstance(value, str) and value:
        return value
    found.refuse(f"{place}/{name}", "text that is not empty")
    return ""
