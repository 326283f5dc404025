"""Questions about policies: who can, which access is wider, does an invariant hold.

`find` searches for a request that one policy stack allows and another does not. Comparisons,
invariants and redundant statements are all this question. A witness is replayed by the rules of
evaluation before it is shown; `Unknown` is raised if neither a witness nor a proof was found.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from durward.core.policy.analysis.policy_stack import Narrowed, PolicyStack
from durward.core.policy.analysis.spelling import display_key, spellings
from durward.core.policy.engine.atoms import named
from durward.core.policy.engine.predicate import (
    ACTION,
    FALSE,
    PRINCIPAL,
    RESOURCE,
    TRUE,
    ActionMatch,
    And,
    Facts,
    Not,
    Or,
    Predicate,
    PrincipalMatch,
    ResourceMatch,
    atoms_of,
    compile_statement,
    holds,
    keys_of,
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
    TENANT_SEGMENT,
    TOKEN_SCOPES,
    AccessRequest,
    Principal,
)
from durward.core.policy.engine.residual import residual
from durward.core.policy.language.dialect import DELEGATE
from durward.core.policy.language.pattern import literally, parse_action, parse_resource
from durward.core.policy.symbolic.outline import Outline, could_meet, outline_of
from durward.core.policy.symbolic.request_keys import (
    RESOURCE_TENANT,
    reading,
    with_lists,
    with_tenant_of_resource,
)
from durward.core.policy.symbolic.solve import solve
from durward.core.policy.symbolic.unknown import Exhausted, Unknown
from durward.core.policy.symbolic.work import Work
from durward.core.wire import JsonLike

OLD = "@before"
"""The suffix of the name of a key whose value differs in the other stack."""
NO_SCOPE = ""
LISTS = (ROLES, GROUPS, TOKEN_SCOPES)
MAX_OUTLINES = 16
SOMEBODY_ELSE = "somebody-else"
"""The tenant of a resource of another tenant than the principal's, in examples."""
TOLD = (SUBJECT, PRINCIPAL_TYPE, TENANT_ID, CLIENT_ID, PRINCIPAL_ARN, *LISTS)
DERIVED = {ACTION, RESOURCE, PRINCIPAL, *TOLD}


@dataclass(frozen=True, slots=True)
class Witness:
    """An example request that is the answer to a question."""

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
                yield f"          {display_key(key)} = {_shown(value)}"
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


@dataclass(frozen=True)
class Frame:
    """The known part of a request before the search: the principal, keys, resource segments.

    `known` are values by key, `resource` the known segments of its name; `lists` are keys that are
    lists. The key of a resource's tenant is that of its name.
    """

    principal: Principal
    cross_tenant: bool
    known: Facts
    resource: Sequence[str | None]
    lists: frozenset[str]

    @property
    def name(self) -> ResourceMatch:
        """The known segments of the resource's name, as a pattern."""
        told = (each and literally(each, wildcards=False) for each in self.resource)
        return named(":".join("*" if each is None else each for each in told))


def find(
    allowed_by: PolicyStack,
    not_by: PolicyStack | None = None,
    under: Predicate = TRUE,
    work: Work | None = None,
) -> Witness | None:
    """A request that one stack allows, the other does not, and that satisfies `under`.

    None is a proof that there is none. `work` is the remaining work of the question. Raises
    Unknown.
    """
    sides = allowed_by.whole, not_by.whole if not_by else None
    question = _question(*sides)
    if question is None:
        return None
    asked = And((under, question[0], *map(Not, question[1:])))
    person, cross_tenant = allowed_by.principal, allowed_by.cross_tenant
    facts = solve(asked, within_tenant=not cross_tenant, principal=person, work=work)
    if facts is None:
        return None
    by = None if person is NOBODY else _with_scopes(person, facts) if person else _principal(facts)
    owner = "" if cross_tenant or by is None else by.tenant
    if cross_tenant and any(name.endswith(f":{DELEGATE}") for name in _texts(facts, PRINCIPAL)):
        owner = SOMEBODY_ELSE
    request = _request(facts, by, asked, owner)
    if not _confirmed(request, *sides, under):
        raise Unknown("a request was found that no principal can make")
    return Witness(request)


def find_framed(
    frame: Frame,
    allowed_by: Narrowed,
    requests: Callable[[frozenset[str]], Predicate],
    not_by: Narrowed | None = None,
    other: Frame | None = None,
    under: Predicate = TRUE,
    but_not: Callable[[frozenset[str]], Predicate] | None = None,
    work: Work | None = None,
) -> Witness | None:
    """The same for requests within a frame; the other stack has its own frame.

    `requests` are the possible requests, as far as some keys distinguish them, and `but_not` the
    possible ones for the other stack. None is a proof. Raises Unknown.
    """
    other = other or frame
    question = _question(allowed_by, not_by, are_alike=not _old_facts(frame, other))
    if question is None:
        return None
    allowing = _within(question[0], frame)
    denying = [_renamed(_within(each, other), frame, other) for each in question[1:]]
    wanted = _within(under, frame)
    parts = [wanted, allowing, *map(Not, denying)]
    if FALSE in parts:
        return None
    keys = keys_of(And(tuple(parts)))
    made = requests(keys)
    parts.append(_within(made, frame))
    beside = but_not(keys) if but_not else None
    if beside is not None:
        parts.append(Not(_renamed(_within(beside, other), frame, other)))
    if FALSE in parts:
        return None
    parts = [part for part in parts if part != TRUE]
    asked = _shaped(And((*parts, frame.name)), frame.lists)
    known = {**frame.known, **_old_facts(frame, other)}
    told = {key: known[key] for key in keys_of(asked) & known.keys() if ":" in key}
    facts = _solved_once(asked, frame, told, work or Work())
    if facts is None:
        return None
    request = _framed_request(facts, frame, And((*question, under, made, asked)))
    nowhere = beside is not None and not holds(beside, _facts_of(request, other))
    if not (
        holds(And((under, made)), request.facts)
        and holds(question[0], request.facts)
        and (nowhere or not any(holds(x, _facts_of(request, other)) for x in question[1:]))
    ):
        raise Unknown("a request was found that no principal can make")
    return Witness(request)


def _solved_once(asked: Predicate, frame: Frame, known: Facts, work: Work) -> Facts | None:
    """The answer of `solve`, cached if no condition reads the principal. Raises Unknown."""

    def found() -> Facts | None:
        return solve(
            asked,
            within_tenant=not frame.cross_tenant,
            principal=frame.principal,
            known=known,
            work=work,
        )

    atoms = list(atoms_of(asked))
    is_personal = not NOBODY.facts.keys().isdisjoint(keys_of(asked))
    if is_personal or any(isinstance(atom, PrincipalMatch) for atom in atoms):
        return found()
    question = (asked, frame.cross_tenant, tuple(sorted(known.items())))
    if question not in work.answers:
        try:
            work.answers[question] = found()
        except Exhausted:
            raise
        except Unknown as error:
            work.answers[question] = error
    answer = work.answers[question]
    if isinstance(answer, Unknown):
        raise answer
    return answer


def _shaped(predicate: Predicate, lists: frozenset[str]) -> Predicate:
    """The predicate, simplified by facts about keys that hold in every request."""
    keys = keys_of(predicate)
    if RESOURCE_TENANT in keys:
        predicate = with_tenant_of_resource(predicate)
    return with_lists(predicate, lists) if keys & lists else predicate


def _framed_request(facts: Facts, frame: Frame, read: Predicate) -> AccessRequest:
    """The request, with those known keys that the predicate reads."""
    person = frame.principal
    by = None if person is NOBODY else _with_scopes(person, facts)
    tenant = _text(facts, RESOURCE).split(":", 5)[TENANT_SEGMENT]
    keys = keys_of(read)
    told = {
        **{k: v for k, v in facts.items() if OLD not in k},
        **{key: frame.known.get(key) for key in keys & frame.known.keys()},
    }
    if RESOURCE_TENANT in keys:
        told[RESOURCE_TENANT] = tenant or None
    told |= {k: (v,) for k, v in told.items() if k in frame.lists and isinstance(v, str)}
    told[ACTION] = frame.known[ACTION]
    return _request(told, by, read, owner="")


def _facts_of(request: AccessRequest, frame: Frame) -> Facts:
    """The facts of a request in another frame."""
    person = frame.principal
    if person is NOBODY:
        return replace(request, principal=None).facts
    scopes = request.principal.scopes if request.principal else None
    return replace(request, principal=replace(person, scopes=scopes)).facts


def _question(
    allowed_by: Narrowed, not_by: Narrowed | None, *, are_alike: bool = True
) -> list[Predicate] | None:
    """What one stack allows and the other does not; None if the other surely allows as much.

    `are_alike`: the known facts of a request are the same for both stacks.
    """
    granting = allowed_by.allows
    if (
        not_by
        and are_alike
        and not_by.caps_no_more(allowed_by)
        and not_by.denies.keys() <= allowed_by.denies.keys()
    ):
        # Equal statements need no search: no Deny and no ceiling can make a difference.
        granting = {key: s for key, s in granting.items() if key not in not_by.allows}
    if not granting or not all(allowed_by.levels):
        return None
    outlines = [outline_of(found) for found in granting.values()]

    def concerns(other: Outline) -> bool:
        return len(outlines) > MAX_OUTLINES or any(could_meet(each, other) for each in outlines)

    granted = Or(tuple(map(compile_statement, granting.values())))
    asked: list[Predicate] = [And((granted, allowed_by.leaves(concerns)))]
    if not_by:
        asked.append(not_by.predicate(concerns))
    return asked


def _within(predicate: Predicate, frame: Frame) -> Predicate:
    return residual(predicate, frame.known, frame.resource)


def _old_facts(frame: Frame, other: Frame) -> dict[str, object]:
    """The facts that differ in the other frame, under renamed keys."""
    return {
        key + OLD: value
        for key, value in other.known.items()
        if ":" in key and frame.known.get(key) != value
    }


def _renamed(predicate: Predicate, frame: Frame, other: Frame) -> Predicate:
    """The predicate, with the keys that differ in the other frame renamed."""
    keys = [key.removesuffix(OLD) for key in _old_facts(frame, other)]
    return reading(predicate, {key: key + OLD for key in keys}) if keys else predicate


def _confirmed(
    request: AccessRequest, allowed_by: Narrowed, not_by: Narrowed | None, under: Predicate
) -> bool:
    """Whether the witness holds by the rules of evaluation, for every statement about it."""
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
    """A request that is allowed although the invariant does not hold; None is a proof."""
    return find(side, under=Not(invariant))


def access_differences(
    old: PolicyStack, new: PolicyStack, under: Predicate = TRUE
) -> tuple[Witness | None, Witness | None]:
    """A request that only the new stack allows, and one only the old one does. Raises Unknown."""
    return find(new, old, under), find(old, new, under)


def asked_for(action: str = "*", resource: str = "*") -> Predicate:
    """Requests for an action and a resource, with wildcards. Raises ValueError."""
    return And(
        (
            ActionMatch((parse_action(action),), complement=False),
            ResourceMatch((parse_resource(resource),), complement=False, on_error=False),
        )
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
    """The principal, with the scopes of the witness if it has any."""
    scopes = frozenset(_texts(facts, TOKEN_SCOPES))
    is_asked = scopes and principal.scopes is None
    return replace(principal, scopes=scopes | {NO_SCOPE}) if is_asked else principal


def _request(
    facts: Facts, principal: Principal | None, read: Predicate, owner: str
) -> AccessRequest:
    """The request with these facts; its keys are spelled as in the policies."""
    context = {k: v for k, v in facts.items() if k not in DERIVED and v is not None}
    written = spellings(atoms_of(read)) if context else {}
    present = {written.get(key) or display_key(key): value for key, value in context.items()}
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
