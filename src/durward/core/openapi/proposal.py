"""Names and objects of operations, as they are proposed for `x-durward`.

A proposal is read from methods, ids and paths alone, whatever the order of the document. It is a
beginning for people who know the API, so it is plain rather than clever:

- The action is the id in capitals without separators. FastAPI writes function, path and method
  into an id; there the action is the function. Where two would be alike, or an id is missing, it is
  made of method and path.
- The object is that of the last variable: `/users/{user_id}/orders/{order_id}/cancel` is about
  `user/{user_id}/order/{order_id}`; without a variable it is `orders/all`.
- The tenant is a variable that is called so, and no part of the object; else the one tenant that
  the service is for.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from durward.core.openapi.extension import MAX_TEXT_CHARACTERS
from durward.core.openapi.operations import Operation
from durward.core.openapi.template import variables_of, without_variables

MAX_NAME_CHARACTERS: Final = 100
TENANTS: Final = frozenset({"tenant", "tenantid", "tenantname", "tenantslug", "tenantkey"})
SIGN_IN: Final = frozenset(
    {
        *("login", "signin", "logon", "token", "tokens", "register", "signup", "authenticate"),
        *("forgotpassword", "resetpassword", "refresh", "session", "sessions"),
    }
)
"""Last segments of paths for people who have no token yet."""
_VERSION = re.compile(r"v?[0-9][0-9.]*\Z|api\Z")
_WORD = re.compile(r"[A-Za-z][a-z]+|[A-Z]+(?![a-z])|[A-Za-z]|[0-9]+")
_HASH = re.compile(r"-[0-9a-f]{8}\Z")
"""The suffix that the reader adds to an id of several operations (`operation_ids`)."""
_NOT_PLURAL: Final = ("ss", "us", "is", "news", "series")


@dataclass(frozen=True, slots=True)
class ProposedOperation:
    """An operation, and what is proposed for it."""

    operation: Operation
    action: str
    resource: str | None
    tenant: str

    def extension(self) -> dict[str, str]:
        """The members of `x-durward`."""
        members = {"action": self.action, "resource": self.resource, "tenant": self.tenant}
        return {name: value for name, value in members.items() if value}


def proposed(api: str, tenant: str, operations: Sequence[Operation]) -> list[ProposedOperation]:
    """The proposals for the operations of an API; members that `x-durward` has already stay.

    Objects belong to `tenant` if the path names none.
    """
    names = _names(api, operations)
    found = []
    for each in operations:
        owner = each.tenant or _tenant(each.path) or tenant
        resource = each.resource or _resource(each.path, owner)
        found.append(ProposedOperation(each, names[each.route], resource, owner))
    return found


def is_sign_in(operation: Operation) -> bool:
    """Whether an operation is plainly for people who have no token yet."""
    literals = [each for each in operation.path.split("/") if each and not variables_of(each)]
    plain = re.sub(r"[^a-z]", "", literals[-1].lower()) if literals else ""
    return operation.method == "POST" and plain in SIGN_IN


def group_of(operation: Operation) -> str:
    """The first part of a path that is a name, by which operations are grouped."""
    literals = (each for each in operation.path.split("/") if each and not variables_of(each))
    names = (slug(each) for each in literals if not _VERSION.match(each.lower()))
    return next(filter(None, names), "root")


def slug(text: str) -> str:
    """A text in lower case letters, digits and `-`, a letter first; empty where nothing is left."""
    words = _WORD.findall(without_variables(text))
    name = "-".join(word.lower() for word in words).lstrip("0123456789-")
    return name[:60].rstrip("-")


def _names(api: str, operations: Iterable[Operation]) -> Mapping[tuple[str, str], str]:
    """The action of each route."""
    listed = list(operations)
    plain = {each.route: _name(each) for each in listed}
    plain |= {each.route: _derived(each) for each in _alike(listed, plain)}
    for each in _alike(listed, plain):
        told_apart = sha256(" ".join(each.route).encode()).hexdigest()[:8]
        plain[each.route] = f"{plain[each.route]}-{told_apart}"
    return {route: f"{api}:{name}" for route, name in plain.items()}


def _alike(
    operations: Iterable[Operation], names: Mapping[tuple[str, str], str]
) -> list[Operation]:
    often = Counter(name.lower() for name in names.values())
    return [each for each in operations if often[names[each.route].lower()] > 1]


def _name(operation: Operation) -> str:
    identity = _HASH.sub("", operation.id)
    generated = re.sub(r"\W", "_", operation.path) + f"_{operation.method.lower()}"
    if identity.endswith(generated) and identity != generated:
        identity = identity[: -len(generated)]
    return _camel(identity) or _derived(operation)


def _derived(operation: Operation) -> str:
    return _camel(f"{operation.method.lower()} {operation.path}")


def _camel(text: str) -> str:
    """Words as one name: it begins with a letter, as names of actions do."""
    words = re.findall(r"[A-Za-z0-9]+", text)
    name = "".join(word[0].upper() + word[1:] for word in words)
    return name[:MAX_NAME_CHARACTERS] if name[:1].isalpha() else ""


def _tenant(path: str) -> str | None:
    names = [each for each in variables_of(path) if re.sub(r"[_.-]", "", each).lower() in TENANTS]
    return f"{{{names[0]}}}" if len(names) == 1 else None


def _resource(path: str, tenant: str) -> str | None:
    """The object of a path; None if it names none."""
    parts: list[str] = []
    kind = ""
    literals: list[str] = []
    for segment in path.split("/"):
        names = variables_of(segment)
        if len(names) == 1 and f"{{{names[0]}}}" != tenant:
            parts += [_singular(kind) or "object", f"{{{names[0]}}}"]
            kind = ""
        elif names:
            kind = ""
        elif segment:
            kind = "" if _VERSION.match(segment.lower()) else slug(segment)
            literals += [kind] if kind else []
    if not parts and literals:
        parts = [literals[-1], "all"]
    text = "/".join(parts)
    return text if text and len(text) <= MAX_TEXT_CHARACTERS else None


def _singular(name: str) -> str:
    if name.endswith("ies"):
        return f"{name[:-3]}y"
    if name.endswith(("sses", "xes", "ches", "shes")):
        return name[:-2]
    return name[:-1] if name.endswith("s") and not name.endswith(_NOT_PLURAL) else name
