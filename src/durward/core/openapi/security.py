"""Who may ask: `security` and `components.securitySchemes` (OpenAPI 3.1.1 §4.8.27, §4.8.30).

The edge checks tokens and their scopes, nothing else. So scopes are demanded where a scheme is
about tokens (oauth2, openIdConnect, http bearer), and a scheme that the edge cannot check never
makes a demand smaller:

1. `[]`, or the alternative `{}`, lets everybody ask.
2. An alternative with a scheme about tokens demands all scopes that it names.
3. An alternative of other schemes alone is left out where another one is about tokens: else any
   token would satisfy it, and the scopes of the other one would be demanded of nobody.
4. Where no alternative is about tokens, a token without scopes takes their place.

Whatever is not as specified is refused: nobody knows what it was meant to demand.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from durward.core.difference import excerpt
from durward.core.openapi.faults import Findings, pointed
from durward.core.openapi.references import References
from durward.core.wire import Json

MAX_ALTERNATIVES: Final = 100
MAX_SCHEMES: Final = 20
"""Of an alternative."""
MAX_SCOPES: Final = 100
"""Of an alternative."""
MAX_SCOPE_CHARACTERS: Final = 256
MAX_ASKED_CHARACTERS: Final = 8_388_608
"""The characters of the scopes of all operations: each is published with its own."""
SCHEMES: Final = "/components/securitySchemes"
MTLS: Final = "mutualTLS"

_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+\Z")
"""RFC 6749 §3.3."""
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "apiKey": ("name", "in"),
    "http": ("scheme",),
    "oauth2": (),
    "openIdConnect": ("openIdConnectUrl",),
    MTLS: (),
}
"""The types of schemes, and the members that each must have."""
_FLOWS: Final = ("implicit", "password", "clientCredentials", "authorizationCode")
_AS_SPECIFIED: Final = "write a list of objects, such as `[{scheme: [scope]}]`; `[]` is public"


@dataclass(frozen=True, slots=True)
class Demand:
    """What an operation demands: nothing, or a token that has all scopes of one alternative."""

    public: bool = False
    scopes: tuple[frozenset[str], ...] = ()

    @property
    def characters(self) -> int:
        """The characters of its scopes."""
        return sum(len(scope) for each in self.scopes for scope in each)


A_TOKEN: Final = Demand()
EVERYBODY: Final = Demand(public=True)


@dataclass(frozen=True, slots=True)
class Scheme:
    """A scheme: a description of its kind, and whether it is about tokens; None: unreadable."""

    kind: str | None
    is_token: bool = False


def read_schemes(
    document: Mapping[str, Json], references: References, found: Findings
) -> tuple[dict[str, Scheme], dict[str, str]]:
    """The security schemes of a document, and the descriptions of its scopes."""
    components = _or_empty(document.get("components"))
    if not isinstance(components, dict):
        found.refuse("/components", "not an object")
        return {}, {}
    declared = _or_empty(components.get("securitySchemes"))
    if not isinstance(declared, dict):
        found.refuse(SCHEMES, "not an object of security schemes")
        return {}, {}
    schemes: dict[str, Scheme] = {}
    scopes: dict[str, str] = {}
    for name, value in declared.items():
        place = pointed(SCHEMES, name)
        before = len(found.faults)
        scheme = references.read(value, place, found)
        kind = _kind(scheme, place, found) if len(found.faults) == before else None
        schemes[name] = Scheme(kind, kind in {"oauth2", "openIdConnect", "http bearer"})
        if kind == "oauth2" and isinstance(scheme, dict):
            _read_flows(scheme.get("flows"), f"{place}/flows", scopes, found)
    return schemes, scopes


def _or_empty(value: Json) -> Json:
    """A member without a value in YAML is an empty object."""
    return {} if value is None else value


def read_demand(
    value: Json, place: str, schemes: Mapping[str, Scheme], found: Findings
) -> Demand | None:
    """The demand of `security`; None if it is refused."""
    before = len(found.faults)
    if not isinstance(value, list):
        found.refuse(place, f"{_AS_SPECIFIED}; without the member a token is demanded")
        return None
    if len(value) > MAX_ALTERNATIVES:
        found.refuse(place, f"more than {MAX_ALTERNATIVES} alternatives")
        return None
    read = [
        _alternative(one, f"{place}/{number}", schemes, found) for number, one in enumerate(value)
    ]
    if len(found.faults) > before:
        return None
    if not value:
        return EVERYBODY
    if {} in value:
        if len(value) > 1:
            said = "`{}` is an alternative, so everybody may ask, without a token too"
            found.note(place, said, opens=True)
        return EVERYBODY
    alternatives = [scopes for scopes in read if scopes is not None]
    if len(alternatives) < len(read):
        others = [one for one, scopes in zip(value, read, strict=True) if scopes is None]
        names = (name for one in others if isinstance(one, dict) for name in one)
        done = "is no way in: a token is demanded" if alternatives else "is replaced by a token"
        _tell_unchecked(names, place, schemes, done, found)
    if frozenset() in alternatives and any(alternatives):
        found.note(place, "an alternative names no scope, so any token will do", opens=True)
    return Demand(scopes=tuple(_least(alternatives)))


def _alternative(
    value: Json, place: str, schemes: Mapping[str, Scheme], found: Findings
) -> frozenset[str] | None:
    """The scopes of an alternative; None if it is not about tokens, or refused."""
    if not isinstance(value, dict):
        found.refuse(place, "not an object; write `{scheme: [scope]}`")
        return None
    if len(value) > MAX_SCHEMES:
        found.refuse(place, f"more than {MAX_SCHEMES} schemes")
        return None
    scopes: set[str] = set()
    kinds: list[str] = []
    is_token = False
    for name, listed in value.items():
        scheme = schemes.get(name)
        where = pointed(place, name)
        if scheme is None:
            problem = f"the document has no security scheme `{excerpt(name)}`"
            found.refuse(where, f"{problem}; declare it in {SCHEMES}")
        elif scheme.kind == MTLS:
            hint = "client certificates are not verified yet; demand a token"
            found.refuse(where, f"`{excerpt(name)}` is {MTLS}; {hint}")
        elif not isinstance(listed, list):
            found.refuse(where, "not a list of scopes; write `[scope]`, or `[]` for none")
        elif scheme.kind is not None:
            is_token |= scheme.is_token
            scopes |= set(_scopes(listed, where, scheme, found))
            if not scheme.is_token:
                kinds.append(f"`{excerpt(name)}` ({excerpt(scheme.kind)})")
    if is_token and kinds:
        found.note(place, f"{' and '.join(kinds)} beside a token is left to the service")
    return frozenset(scopes) if is_token else None


def _scopes(listed: list[Json], place: str, scheme: Scheme, found: Findings) -> Iterator[str]:
    if len(listed) > MAX_SCOPES:
        found.refuse(place, f"more than {MAX_SCOPES} scopes")
        return
    if listed and not scheme.is_token:
        hint = "write `[]`; policies decide who has access"
        found.refuse(place, f"a scheme of type {excerpt(scheme.kind or '')} has no scopes; {hint}")
        return
    for number, scope in enumerate(listed):
        if isinstance(scope, str) and len(scope) > MAX_SCOPE_CHARACTERS:
            found.refuse(f"{place}/{number}", f"longer than {MAX_SCOPE_CHARACTERS} characters")
        elif isinstance(scope, str) and _SCOPE.match(scope):
            yield scope
        else:
            problem = "not a scope: text without blanks, one entry for each (RFC 6749 §3.3)"
            found.refuse(f"{place}/{number}", problem)


def _tell_unchecked(
    names: Iterable[str], place: str, schemes: Mapping[str, Scheme], done: str, found: Findings
) -> None:
    """Note the schemes that the edge cannot check, and what replaces them."""
    kinds = ", ".join(
        f"`{excerpt(name)}` ({excerpt(schemes[name].kind or '')})" for name in dict.fromkeys(names)
    )
    found.note(place, f"{kinds} cannot be checked by the edge, and {done}")


def _least(alternatives: list[frozenset[str]]) -> Iterator[frozenset[str]]:
    """The alternatives without those that another one implies; none if any token suffices."""
    distinct = list(dict.fromkeys(alternatives))
    if frozenset() in distinct:
        return
    sizes: dict[int, list[frozenset[str]]] = {}
    for each in distinct:
        sizes.setdefault(len(each), []).append(each)
    for one in distinct:
        smaller = (each for size, some in sizes.items() if size < len(one) for each in some)
        if not any(other < one for other in smaller):
            yield one


def _kind(scheme: Json, place: str, found: Findings) -> str | None:
    """A description of the kind of a scheme; None if it is refused."""
    if not isinstance(scheme, dict):
        found.refuse(place, "not an object")
        return None
    kind = scheme.get("type")
    if not isinstance(kind, str) or kind not in _NEEDED:
        found.refuse(f"{place}/type", f"write one of {', '.join(_NEEDED)}")
        return None
    missing = [name for name in _NEEDED[kind] if not isinstance(scheme.get(name), str)]
    for name in missing:
        found.refuse(f"{place}/{name}", f"a scheme of type {kind} has it, as text")
    if missing:
        return None
    return f"http {str(scheme['scheme']).lower()}" if kind == "http" else kind


def _read_flows(flows: Json, place: str, scopes: dict[str, str], found: Findings) -> None:
    if not isinstance(flows, dict):
        found.refuse(place, "an oauth2 scheme has `flows`, an object")
        return
    for name, flow in flows.items():
        where = pointed(place, name)
        if name.startswith("x-"):
            continue
        if name not in _FLOWS:
            found.refuse(where, f"not a flow; write one of {', '.join(_FLOWS)}")
        elif not isinstance(flow, dict) or not isinstance(flow.get("scopes", {}), dict):
            found.refuse(where, "an object with `scopes`, an object of scopes and words")
        else:
            _read_scopes(flow.get("scopes", {}), f"{where}/scopes", scopes, found)


def _read_scopes(named: Json, place: str, scopes: dict[str, str], found: Findings) -> None:
    for scope, words in (named if isinstance(named, dict) else {}).items():
        if scope.startswith("x-"):
            continue
        if not _SCOPE.match(scope):
            found.refuse(pointed(place, scope), "not a scope: text without blanks (RFC 6749 §3.3)")
        elif not isinstance(words, str | None):
            found.refuse(pointed(place, scope), "what a scope allows is said in text")
        else:
            scopes[scope] = words or ""
