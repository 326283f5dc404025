"""`x-durward`: the resource, tenant and owner of an operation, and how it is audited.

What looks like a variable (`{ org }`, `:org`) would be read as text, and a Deny on the variable
would be lost. So the characters of variables, here or elsewhere, are refused in text.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from durward.core.openapi.faults import Findings
from durward.core.openapi.template import variables_of, without_variables
from durward.core.wire import Json

TEXTS: Final = ("action", "resource", "tenant", "owner")
MEMBERS: Final = {*TEXTS, "audit", "fresh"}
STRICT, BATCHED = "strict", "batched"

_ACTION = re.compile(r"[a-z][a-z0-9-]*:[A-Za-z][A-Za-z0-9_.-]{0,127}\Z")
_RESOURCE = re.compile(r"[a-z][a-z0-9-]*(?:/[^/]+)+\Z")
MAX_TEXT_CHARACTERS: Final = 256
_DOTS: Final = {".", ".."}
_NOT_TEXT = re.compile(r"[{}\[\]<>:*?$%\\]|\s")
"""The characters of variables, here or elsewhere, and those that separate the parts of a name."""


@dataclass(frozen=True, slots=True)
class Extension:
    """The object of an operation, and how its decisions are recorded."""

    action: str | None = None
    """The action that policies name: `API:Name`; by default it is made from the `operationId`."""
    resource: str | None = None
    """The object: `type/id`, with variables of the path."""
    tenant: str | None = None
    """The tenant of the object, literal text or a variable; without it the object has no tenant."""
    owner: str | None = None
    """The id of the object's owner, if the path has it."""
    audit: str | None = None
    """`strict`: the decision is on disk before the answer; `batched`: soon after. Without it
    methods that may change something are strict."""
    fresh: bool = False
    """Refused while the node has had no contact with the control plane for some seconds."""


def read_extension(
    value: Json, api: str, variables: Collection[str], place: str, found: Findings
) -> Extension | None:
    """Read `x-durward`; None if it is refused."""
    before = len(found.faults)
    if not isinstance(value, dict):
        found.refuse(place, f"not an object; its members are {', '.join(sorted(MEMBERS))}")
        return None
    for name in sorted(value.keys() - MEMBERS):
        found.refuse(f"{place}/{name}", f"not one of {', '.join(sorted(MEMBERS))}")
    texts = {name: _text(value[name], name, place, found) for name in TEXTS if name in value}
    for name, text in texts.items():
        if problem := _text_problem(name, text, variables):
            found.refuse(f"{place}/{name}", problem)
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


def _text_problem(name: str, text: str, variables: Collection[str]) -> str:
    """The problem of a text; empty if it is literal text and variables of the path."""
    if missing := set(variables_of(text)) - set(variables):
        return f"the path has no `{{{min(missing)}}}`"
    rest = without_variables(text)
    if name == "action":
        return ""
    if _NOT_TEXT.search(rest) or not rest.isprintable():
        hint = "write text and variables of the path, as in `{id}`"
        return f"has a blank or one of `{{}}[]<>:*?$%\\`; {hint}"
    if name == "resource":
        dots = not _DOTS.isdisjoint(text.split("/"))
        return "has a dot segment; write the name without it" if dots else ""
    if text in variables:
        return f"is the name of a variable, not its value; write `{{{text}}}`"
    return _tenant_problem(text) if name == "tenant" else ""


def _tenant_problem(text: str) -> str:
    return "a tenant is one segment" if "/" in text or text in _DOTS else ""


def _text(value: Json, name: str, place: str, found: Findings) -> str:
    if not isinstance(value, str) or not value:
        found.refuse(f"{place}/{name}", "not a string, or empty")
    elif len(value) > MAX_TEXT_CHARACTERS:
        found.refuse(f"{place}/{name}", f"longer than {MAX_TEXT_CHARACTERS} characters")
    else:
        return value
    return ""
