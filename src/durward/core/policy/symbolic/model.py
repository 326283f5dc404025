"""Search for a whole request for which a predicate holds, or for a proof that there is none.

The search keeps a request that satisfies all constraints so far, and looks for a pending constraint
that it does not satisfy: only there it branches, over everything that could satisfy it. Variables
of patterns are assigned first, with each value that makes a difference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from durward.core.policy.engine.atoms import equals
from durward.core.policy.engine.predicate import (
    ACTION,
    PRINCIPAL,
    RESOURCE,
    ConditionMatch,
    Facts,
    Predicate,
    Value,
    atoms_of,
    holds,
)
from durward.core.policy.engine.request import (
    ANONYMOUS,
    NOBODY,
    SUBJECT,
    TENANT_ID,
    TENANT_SEGMENT,
    Principal,
)
from durward.core.policy.language.automaton import STAR
from durward.core.policy.language.dialect import DELEGATE, ROOT
from durward.core.policy.language.wildcards import Glob
from durward.core.policy.symbolic.constraints import (
    PLACES,
    AllOf,
    Literal,
    MemberConstraint,
    Node,
    OneOf,
    TextConstraint,
    decompose,
    is_satisfied,
)
from durward.core.policy.symbolic.strings import PatternConstraint, shortest_string
from durward.core.policy.symbolic.symbolic_principal import SELF, SOMEBODY, told_by
from durward.core.policy.symbolic.theory import (
    Found,
    matching_strings,
    several_of,
    value_of,
    whatever,
)
from durward.core.policy.symbolic.translation import Constraint, wanted_of
from durward.core.policy.symbolic.unknown import Exhausted, Unknown
from durward.core.policy.symbolic.variables import MANY, MAX_SETTINGS, settings_of
from durward.core.policy.symbolic.work import Work

MAX_BRANCHES: Final = 50_000
TENANT_PLACE: Final = PLACES[TENANT_SEGMENT]
USUAL: Final[Mapping[str, str]] = {
    ACTION: "~:~",
    **dict(zip(PLACES, ("arn", "durward", "~", "~", "~", "~/~"), strict=True)),
}
NO_ACTION: Final = (Glob(()), Glob((STAR, ":")), Glob((STAR, " ", STAR)))
NO_COLON: Final = PatternConstraint((Glob((STAR, ":", STAR)), Glob(("\0",))), matches=False)
"""A segment has no colon; patterns that match nothing consist of one NUL (`dialect`)."""
ALWAYS: Final[Mapping[str, tuple[PatternConstraint, ...]]] = {
    ACTION: (PatternConstraint(NO_ACTION, matches=False),),
    **dict.fromkeys(PLACES[:-1], (NO_COLON,)),
}
"""Constraints that hold for every action, and for each segment of a resource but the last."""


@dataclass(slots=True)
class _State:
    """The constraints so far, and a request that satisfies them."""

    known: Mapping[str, Found]
    within_tenant: bool
    names: frozenset[str] | None = None
    sets: frozenset[str] = frozenset()
    texts: dict[str, tuple[PatternConstraint, ...]] = field(default_factory=dict)
    constraints: dict[str, tuple[Constraint, ...]] = field(default_factory=dict)
    members: dict[str, bool] = field(default_factory=dict)
    values: dict[str, Found] = field(default_factory=dict)

    def copy(self) -> "_State":
        return replace(
            self,
            texts=dict(self.texts),
            constraints=dict(self.constraints),
            members=dict(self.members),
            values=dict(self.values),
        )

    @property
    def facts(self) -> dict[str, Found]:
        """The request."""
        found: dict[str, Found] = {**self.known, **self.values}
        text = {key: str(found.get(key, usual)) for key, usual in USUAL.items()}
        found[ACTION] = text[ACTION]
        found[RESOURCE] = ":".join(text[key] for key in PLACES)
        members = tuple(arn for arn, wanted in self.members.items() if wanted)
        if not self.within_tenant:
            members += tuple(_delegate(arn) for arn in members if arn.endswith(f":{ROOT}"))
        found[PRINCIPAL] = tuple(self.names) if self.names is not None else members or (SELF,)
        return {key: value for key, value in found.items() if key not in PLACES}

    def add(self, node: TextConstraint | MemberConstraint | Literal) -> bool:
        """Satisfy one more constraint; False if that is impossible. Raises Unknown."""
        match node:
            case MemberConstraint(arn, wanted):
                return self._add_member(arn, wanted)
            case TextConstraint():
                return self._add_text(node)
            case Literal(ConditionMatch() as atom, wanted):
                return self._add_wish(atom, wanted)
            case _:
                raise AssertionError(node)

    def _add_member(self, arn: str, wanted: bool) -> bool:  # noqa: FBT001
        """Constrain a name of the principal: its own, or the `root` of its tenant."""
        if self.names is not None:
            return (arn in self.names) is wanted
        if not self.within_tenant and arn.endswith(f":{DELEGATE}"):
            arn = arn.removesuffix(DELEGATE) + ROOT
        if self.members.setdefault(arn, wanted) is not wanted:
            return False
        if not wanted:
            return True
        tenant, _, name = arn.rpartition(":")
        told = told_by(arn)
        if not self._is(told):
            return False
        for other, is_known in self.members.items():
            if not is_known or other == arn:
                continue
            theirs = other.rpartition(":")[0]
            if theirs != tenant or (SUBJECT in told and SUBJECT in told_by(other)):
                return False
        return name == ROOT or self._add_member(f"{tenant}:{ROOT}", wanted=True)

    def _is(self, told: Mapping[str, str]) -> bool:
        """Assign these values to the principal's keys."""
        return all(self._add_wish(equals(key, text), wanted=True) for key, text in told.items())

    def _add_text(self, node: TextConstraint) -> bool:
        if node.key == TENANT_PLACE and self._is_joined:
            self.texts[node.key] = (*self.texts.get(node.key, ()), node.wanted)
            return self._join()
        now = str(self.values.get(node.key, USUAL[node.key]))
        self.texts[node.key] = (*self.texts.get(node.key, ()), node.wanted)
        if node.wanted.fits(now):
            self.values[node.key] = now
            return True
        found = _text((*ALWAYS.get(node.key, ()), *self.texts[node.key]))
        if found is None:
            return False
        self.values[node.key] = found
        return True

    def _add_wish(self, atom: ConditionMatch, wanted: bool) -> bool:  # noqa: FBT001
        key = atom.condition.key
        self.constraints[key] = (*self.constraints.get(key, ()), (atom, wanted))
        if key == TENANT_ID and self._is_joined:
            return self._join()
        facts = {**self.known, **self.values}
        if holds(atom, facts) is wanted:
            return True
        if self.known.get(key) is MANY:
            several = several_of(key, self.constraints[key], self.known)
            if several is not None:
                self.values[key] = several
            return several is not None
        if key in self.known:  # settled already
            return False
        found = value_of(key, self.constraints[key], self.known, is_set=key in self.sets)
        if found is None:
            return False
        (self.values[key],) = found
        return True

    @property
    def _is_joined(self) -> bool:
        return self.within_tenant and TENANT_ID not in self.known

    def _join(self) -> bool:
        """Make the principal's and the resource's tenant equal, or give the resource none."""
        texts, constraints = self.texts.get(TENANT_PLACE, ()), self.constraints.get(TENANT_ID, ())
        wanted = [
            found for constraint in constraints for found in wanted_of(constraint, self.known)
        ]
        can_be = not any(whatever(atom) is (not constraint) for atom, constraint in constraints)
        tenant = _text([NO_COLON, *texts, *wanted]) if can_be else None
        facts = {**self.known, TENANT_ID: tenant}
        if tenant and all(holds(atom, facts) is constraint for atom, constraint in constraints):
            self.values[TENANT_ID] = self.values[TENANT_PLACE] = tenant
            return True
        if not all(each.fits("") for each in texts):
            if tenant is None:
                return False
            raise Unknown("conditions on the tenant")
        valued = value_of(TENANT_ID, constraints, self.known)
        if valued is None:
            return False
        self.values[TENANT_PLACE] = ""
        (self.values[TENANT_ID],) = valued
        return True


@dataclass(frozen=True, slots=True)
class Asker:
    """The principal of the request.

    `within_tenant` restricts the resource to the principal's own tenant; without a principal, any
    is considered. `known` are keys with values from elsewhere.
    """

    within_tenant: bool = False
    principal: Principal | None = None
    known: Facts = field(default_factory=dict)
    work: Work = field(default_factory=Work)

    @property
    def settled(self) -> dict[str, Found]:
        """The keys whose values are known."""
        told: dict[str, Found] = {key: _value(found) for key, found in self.known.items()}
        if not self.principal:
            return told
        facts = ANONYMOUS if self.principal is NOBODY else self.principal.facts
        settled: dict[str, Found] = {
            key: _value(found) for key, found in facts.items() if ":" in key
        }
        if self.principal.scopes is None and self.principal is not NOBODY:
            del settled["durward:scopes"]  # a token may have any
        return {**settled, **told}

    @property
    def names(self) -> frozenset[str] | None:
        """The principal's names, with `delegate` names for resources of other tenants."""
        if not self.principal:
            return None
        if self.principal is NOBODY:
            return frozenset()
        names = self.principal.arns
        if not self.within_tenant:
            names += tuple(_delegate(arn) for arn in names if arn.endswith(f":{ROOT}"))
        return frozenset(names)


def model_of(predicate: Predicate, asker: Asker, most: int = MAX_SETTINGS) -> Facts | None:
    """The facts of a request for which the predicate holds; None if there is none.

    `most` is the number of assignments of variables to try. Raises Unknown.
    """
    doubts: list[Unknown] = []
    sets = frozenset(
        atom.condition.key
        for atom in atoms_of(predicate)
        if isinstance(atom, ConditionMatch) and atom.condition.quantifier
    )
    search = _Search(asker.work)
    for known in settings_of(predicate, asker.settled, most, asker.work):
        asked: list[Node] = [Literal(predicate, wanted=True)]
        if asker.within_tenant and (tenant := known.get(TENANT_ID)):
            asked.append(_own_or_nobodys(str(tenant)))
        told = {} if asker.principal else {k: v for k, v in SOMEBODY.items() if k not in known}
        state = _State(known, asker.within_tenant, asker.names, sets, values=dict(told))
        try:
            found = search.run(state, asked)
        except Exhausted:
            raise
        except Unknown as doubt:
            doubts.append(doubt)
            continue
        if found is not None:
            return found
    doubts += search.doubts
    if doubts:
        raise doubts[0]
    return None


def _delegate(root: str) -> str:
    return root.removesuffix(ROOT) + DELEGATE


def _value(fact: object) -> Value:
    return fact if isinstance(fact, str) else fact or None if isinstance(fact, tuple) else None


def _own_or_nobodys(tenant: str) -> Node:
    """The constraint to a resource of that tenant, or of none."""
    names = (Glob((tenant,)), Glob(()))
    return TextConstraint(TENANT_PLACE, PatternConstraint(names, matches=True))


class _Search:
    def __init__(self, work: Work) -> None:
        self.work = work
        self.branches = 0
        self.doubts: list[Unknown] = []

    def run(self, state: _State, pending: Sequence[Node]) -> Facts | None:
        """Search for a request that satisfies all. Raises Unknown when it takes too long."""
        try:
            choices = self._settle(state, pending)
        except Exhausted:
            raise
        except Unknown as doubt:
            self.doubts.append(doubt)
            return None
        if choices is None:
            return None
        facts = state.facts
        unfulfilled = [choice for choice in choices if not is_satisfied(choice, facts)]
        if not unfulfilled:
            return facts
        chosen = min(unfulfilled, key=lambda choice: len(choice.choices))
        rest = [choice for choice in choices if choice is not chosen]
        for node in chosen.choices:
            self.branches += 1
            if self.branches > MAX_BRANCHES:
                raise Unknown("there are too many cases")
            found = self.run(state.copy(), [node, *rest])
            if found is not None:
                return found
        return None

    def _settle(self, state: _State, pending: Sequence[Node]) -> list[OneOf] | None:
        """Add constraints without a choice to the state; return the choices left, or None."""
        choices: list[OneOf] = []
        waiting = list(reversed(pending))
        while waiting:
            node = waiting.pop()
            match node:
                case AllOf(nodes):
                    waiting += reversed(nodes)
                case OneOf(alternatives):
                    if not alternatives:
                        return None
                    if len(alternatives) == 1:
                        waiting.append(alternatives[0])
                    else:
                        choices.append(node)
                case Literal(predicate, wanted) if not isinstance(predicate, ConditionMatch):
                    self.work.open_one()
                    waiting.append(decompose(predicate, wanted, state.known))
                case _:
                    self.work.spend()
                    if not state.add(node):
                        return None
        return choices


def _text(wanted: Sequence[PatternConstraint]) -> str | None:
    """A string for the action or a segment, a readable one if possible. Raises Unknown."""
    for each in wanted:
        if each.matches:
            for glob in each.globs:
                for text in matching_strings(glob.parts) if isinstance(glob, Glob) else ():
                    if text and all(other.fits(text) for other in wanted):
                        return text
    return shortest_string(wanted)
