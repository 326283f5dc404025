"""The API and the scopes of a token (RFC 8707, RFC 6749 §3.3)."""

import re
from collections.abc import Collection, Mapping

from durward.core.api import Api
from durward.core.configuration.client import Client
from durward.core.errors import ErrorCode, ProtocolError, Reason
from durward.core.oauth.form import one
from durward.core.oauth.scopes import OFFLINE, OPENID

_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,128}\Z")
_BARE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]+\Z")
"""A URL that ends with its authority."""
MAX_SCOPES = 100


def chosen_api(client: Client, form: Mapping[str, tuple[str, ...]], apis: Mapping[str, Api]) -> Api:
    """The API that `resource` names, else the only one that the client may use (AS-51).

    A token is for one API: with several its scopes would be ambiguous. Raises ProtocolError
    `invalid_target`.
    """
    allowed = [apis[name] for name in client.apis if name in apis]
    wanted = form.get("resource", ())
    if len(wanted) > 1:
        public = "a token is for one resource; ask for one at a time"
        raise _target(public, Reason.SEVERAL_RESOURCES)
    if wanted:
        found = next((api for api in allowed if is_named(api.audience, wanted)), None)
        if found is None:
            raise _target("the client may not use this resource", Reason.RESOURCE_NOT_DECLARED)
        return found
    if len(allowed) != 1:
        missing = Reason.RESOURCE_MISSING if allowed else Reason.RESOURCE_NOT_DECLARED
        raise _target("name the `resource` that the token is for", missing)
    return allowed[0]


def is_named(audience: str, wanted: Collection[str]) -> bool:
    """Whether every `resource` of a request is this audience.

    They are compared character by character, but an empty path is `/` (RFC 3986 §6.2.3): libraries
    write either.
    """
    return all(_with_path(one) == _with_path(audience) for one in wanted)


def is_for_issuer(
    audience: str | None, issuer: str, scopes: Collection[str], wanted: Collection[str]
) -> bool:
    """Whether a token of a grant is for the issuer alone, by the `resource` of its request.

    It narrows what was granted (RFC 8707 §2.2): the API of the grant, and with `openid` the issuer,
    which has userinfo. Both may be named, or neither: then the token is for all that was granted.
    Raises ProtocolError `invalid_target` for any other.
    """
    here = {one for one in wanted if OPENID in scopes and is_named(issuer, (one,))}
    if not is_named(audience or "", {*wanted} - here):
        raise _target("the grant is for another resource", Reason.NONE)
    return bool(wanted) and here == {*wanted}


def _with_path(resource: str) -> str:
    return f"{resource}/" if _BARE.match(resource) else resource


def granted_scopes(
    client: Client, form: Mapping[str, tuple[str, ...]], known: Collection[str]
) -> tuple[str, ...]:
    """The requested scopes, or by default all of the `known` ones that the client may have.

    Others are left out (OIDC Core §3.1.2.1); the response has those that are granted (RFC 6749
    §3.3). Access without a session is given only where it is asked for: never by default. Raises
    ProtocolError `invalid_scope` if nothing is left of what was asked.
    """
    possible = {scope for scope in client.scopes if scope in known}
    asked = one(form, "scope")
    if asked is None:
        return tuple(sorted(possible - {OFFLINE}))
    scopes = parse_scope(asked)
    left = tuple(scope for scope in scopes if scope in possible)
    if not left:
        named = " ".join(sorted(scopes))
        public = "no scope is one that the client may have at this resource"
        raise ProtocolError(
            ErrorCode.INVALID_SCOPE, public, private=named[:500], reason=Reason.SCOPE_NOT_DECLARED
        )
    return left


def parse_scope(text: str) -> tuple[str, ...]:
    """The scopes of a parameter, without repetition (RFC 6749 §3.3); further blanks count nothing.

    Raises ProtocolError `invalid_scope`.
    """
    scopes = [scope for scope in text.split(" ") if scope]
    if len(scopes) > MAX_SCOPES or not all(_SCOPE.match(scope) for scope in scopes):
        raise ProtocolError(ErrorCode.INVALID_SCOPE, "`scope` is not a list of scopes")
    return tuple(dict.fromkeys(scopes))


def _target(problem: str, reason: Reason) -> ProtocolError:
    return ProtocolError(ErrorCode.INVALID_TARGET, problem, reason=reason)
