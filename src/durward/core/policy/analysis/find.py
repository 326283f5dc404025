"""Questions about policies that have an answer or a witness: who can, what is wider, is it so.

`find` looks for a request that one side allows and another does not. Everything else is that
question: a comparison, an invariant, a statement that changes nothing. A witness is replayed on the
rules of evaluation before it is shown; where neither a witness nor a proof was found, `Unknown`
says so.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain

from durward.core.policy.analysis.spelling import spelled, spellings
from durward.core.policy.engine.predicate import (
    ACTION,
    PRINCIPAL,
    RESOURCE,
    TRUE,
    ActionMatch,
    And,
    Facts,
    Not,
    Or,
    Predicate,
    ResourceMatch,
    atoms_of,
    compile_statement,
    holds,
)
from durward.core.policy.engine.request import (
    CLIENT_ID,
    GROUPS,
    NOBODY,
    PRINCIPAL_ARN,
    PRINCIPAL_TYPE,
    ROLES,
    SUBJECT,
    TENANT_ID,
    TOKEN_SCOPES,
    AccessRequest,
    Principal,
)
from durward.core.policy.language.dialect import DELEGATE
from durward.core.policy.language.document import Document, Effect, Statement
from durward.core.policy.language.pattern import parse_action, parse_resource
from durward.core.policy.symbolic.outline import Outline, could_meet, outline_of
from durward.core.policy.symbolic.solve import solve
from durward.core.policy.symbolic.unknown import Unknown
from durward.core.wire import JsonLike

LISTS = (ROLES, GROUPS, TOKEN_SCOPES)
MAX_OUTLINES = 16
SOMEBODY_ELSE = "somebody-else"
"""Whose a resource is that is not the principal's own tenant's."""
TOLD = (SUBJECT, PRINCIPAL_TYPE, TENANT_ID, CLIENT_ID, PRINCIPAL_ARN, *LISTS)
DERIVED = {ACTION, RESOURCE, PRINCIPAL, *TOLD}


@dataclass(frozen=True)
class PolicyStack:
    """What decides for somebody: documents that grant, and ceilings, each of which must allow.

    The resource is of the principal's own tenant, unless `cross_tenant`. Without a principal the
    question is about whoever may ask.
    """

    grants: Sequence[Document]
    ceilings: Sequence[Sequence[Document]] = ()
    cross_tenant: bool = False
    principal: Principal | None = None

    @cached_property
    def allows(self) -> dict[object, Statement]:
        """The statements that grant, by what they say."""
        return _by_meaning(self.grants, Effect.ALLOW)

    @cached_property
    def denies(self) -> dict[object, Statement]:
        """Those that deny, wherever they stand."""
        documents = chain(self.grants, *self.ceilings)
        return _by_meaning(documents, Effect.DENY)

    @cached_property
    def levels(self) -> list[dict[object, Statement]]:
        """What each ceiling leaves."""
        return [_by_meaning(level, Effect.ALLOW) for level in self.ceilings]

    @cached_property
    def outlined(self) -> list[list[tuple[Outline, Statement]]]:
        """What denies, what grants and what each ceiling leaves, with what it can be about."""
        groups = (self.denies, self.allows, *self.levels)
        return [[(outline_of(found), found) for found in group.values()] for group in groups]

    def predicate(self, concerns: Callable[[Outline], bool]) -> Predicate:
        """What the side allows, as far as its statements concern what is asked."""
        denies, *levels = [
            [compile_statement(found) for outline, found in group if concerns(outline)]
            for group in self.outlined
        ]
        allowing = [Or(tuple(level)) for level in levels]
        return And((*allowing, *map(Not, denies)))


@dataclass(frozen=True, slots=True)
class Witness:
    """A request that shows it."""

    request: AccessRequest

    def lines(self) -> Iterator[str]:
        """The request for people."""
        person, request = self.request.principal, self.request
        yield f"action    {request.action}"
        yield f"resource  {request.resource}"
        if person:
            yield f"principal {person.arns[0]}"
        for key in (*LISTS, CLIENT_ID):
            if value := request.facts.get(key):
                yield f"          {spelled(key)} = {_shown(value)}"
        for key, value in sorted(request.context.items()):
            yield f"context   {key} = {_shown(value)}"

    def to_wire(self) -> dict[str, JsonLike]:
        """The request for machines."""
        person = self.request.principal
        return {
            "action": self.request.action,
            "resource": self.request.resource,
            "principal": person.arns[0] if person else None,
            "client": (person.client or None) if person else None,
            "roles": person.roles if person else (),
            "groups": person.groups if person else (),
            "context": {key: _told(value) for key, value in sorted(self.request.context.items())},
        }


def find(
    allowed_by: PolicyStack, not_by: PolicyStack | None = None, under: Predicate = TRUE
) -> Witness | None:
    """A request that the one side allows, the other does not, and that is as `under` says.

    None is a proof that there is none. Raises Unknown.
    """
    granting = allowed_by.allows
    if not_by and _caps_no_more(not_by, allowed_by):
        if not_by.denies.keys() <= allowed_by.denies.keys():
            # What both allow word for word needs no search: no Deny and no ceiling can part them.
            granting = {key: s for key, s in granting.items() if key not in not_by.allows}
        if not granting:
            return None
    outlines = [outline_of(found) for found in granting.values()]

    def concerns(other: Outline) -> bool:
        return len(outlines) > MAX_OUTLINES or any(could_meet(each, other) for each in outlines)

    granted = Or(tuple(map(compile_statement, granting.values())))
    asked = [under, granted, allowed_by.predicate(concerns)]
    if not_by:
        asked.append(Not(not_by.predicate(concerns)))
    person, cross_tenant = allowed_by.principal, allowed_by.cross_tenant
    question = And(tuple(asked))
    facts = solve(question, within_tenant=not cross_tenant, principal=person)
    if facts is None:
        return None
    by = None if person is NOBODY else _with_scopes(person, facts) if person else _principal(facts)
    request = _request(facts, by, spellings(atoms_of(question)), cross_tenant=cross_tenant)
    if not _confirmed(request, allowed_by, not_by, under):
        raise Unknown("a request was found that no principal can make")
    return Witness(request)


def _caps_no_more(side: PolicyStack, other: PolicyStack) -> bool:
    """Whether each ceiling has, word for word, all that one of the other's has."""
    return all(any(level.keys() >= given.keys() for given in other.levels) for level in side.levels)


def _confirmed(
    request: AccessRequest, allowed_by: PolicyStack, not_by: PolicyStack | None, under: Predicate
) -> bool:
    """The witness on the rules of evaluation: every statement that could concern it."""
    asked = Outline(frozenset({request.folded_action}), (request.segments,))

    def concerns(other: Outline) -> bool:
        return could_meet(other, asked)

    facts = request.facts
    return (
        holds(under, facts)
        and holds(allowed_by.predicate(concerns), facts)
        and not (not_by and holds(not_by.predicate(concerns), facts))
    )


def prove(side: PolicyStack, invariant: Predicate) -> Witness | None:
    """A request that is allowed though the invariant does not hold; None where it always does."""
    return find(side, under=Not(invariant))


def differences(
    old: PolicyStack, new: PolicyStack, under: Predicate = TRUE
) -> tuple[Witness | None, Witness | None]:
    """What is allowed anew, and what is no longer. Raises Unknown."""
    return find(new, old, under), find(old, new, under)


def asked_for(action: str = "*", resource: str = "*") -> Predicate:
    """Requests for an action and a resource, with wildcards. Raises ValueError."""
    return And(
        (
            ActionMatch((parse_action(action),), complement=False),
            ResourceMatch((parse_resource(resource),), complement=False, on_error=False),
        )
    )


def _statements(documents: Iterable[Document]) -> Iterator[Statement]:
    for document in documents:
        yield from document.statements


def _by_meaning(documents: Iterable[Document], effect: Effect) -> dict[object, Statement]:
    return {_meaning(each): each for each in _statements(documents) if each.effect is effect}


def _meaning(statement: Statement) -> object:
    """What a statement says, without its name: equal for statements that say the same."""
    return (
        statement.effect,
        statement.actions.complement,
        *[pattern.text for pattern in statement.actions.patterns],
        statement.resources.complement,
        *[pattern.text for pattern in statement.resources.patterns],
        statement.principals,
        *[
            (each.name, each.key, each.refused, each.absent, *[o.text for o in each.operands])
            for each in statement.conditions
        ],
    )


def _principal(facts: Facts) -> Principal:
    """The principal that has these facts."""
    known = [arn.split(":", 5)[-1].partition("/")[::2] for arn in _texts(facts, PRINCIPAL)]
    return Principal(
        subject=_text(facts, SUBJECT),
        kind=_text(facts, PRINCIPAL_TYPE),
        tenant=_text(facts, TENANT_ID),
        roles=(*_texts(facts, ROLES), *_named("role", known)),
        groups=(*_texts(facts, GROUPS), *_named("group", known)),
        client=_text(facts, CLIENT_ID),
        scopes=frozenset(_texts(facts, TOKEN_SCOPES)) or None,
    )


def _with_scopes(principal: Principal, facts: Facts) -> Principal:
    """A principal whose token has the scopes that were asked for, where any were."""
    scopes = frozenset(_texts(facts, TOKEN_SCOPES))
    return replace(principal, scopes=scopes) if scopes and principal.scopes is None else principal


def _request(
    facts: Facts, principal: Principal | None, written: Mapping[str, str], *, cross_tenant: bool
) -> AccessRequest:
    """The request that has these facts, with its keys as they were written."""
    context = {key: value for key, value in facts.items() if key not in DERIVED}
    present = {
        written.get(key) or spelled(key): value
        for key, value in context.items()
        if value is not None
    }
    owner = "" if cross_tenant or principal is None else principal.tenant
    if cross_tenant and any(name.endswith(f":{DELEGATE}") for name in _texts(facts, PRINCIPAL)):
        owner = SOMEBODY_ELSE
    return AccessRequest(principal, _text(facts, ACTION), _text(facts, RESOURCE), present, owner)


def _text(facts: Facts, key: str) -> str:
    value = facts.get(key)
    return value if isinstance(value, str) else ""


def _texts(facts: Facts, key: str) -> tuple[str, ...]:
    value = facts.get(key)
    return value if isinstance(value, tuple) else (value,) if isinstance(value, str) else ()


def _named(kind: str, known: Iterable[tuple[str, ...]]) -> Iterator[str]:
    return (name for its_kind, name in known if its_kind == kind)


def _told(value: object) -> JsonLike:
    return [str(each) for each in value] if isinstance(value, tuple) else str(value)


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
