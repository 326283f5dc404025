"""Questions about policies put to z3: is there a request that one side allows and another does not?

Written from the language's rules alone: it works on documents as JSON values, and shares no code
with the engine. A key is absent, one text, several, or cannot be read; of several, as many are
considered as conditions can tell apart. Who asks has a tenant and a subject.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import z3
from tests.oracle import naive_policy
from tests.oracle.z3_texts import (
    FALSE,
    FAMILIES,
    TEXTUAL,
    TRUE,
    Formula,
    Part,
    Value,
    Variable,
    both,
    either,
    is_meant_by,
    is_true,
    joined,
    no,
    number,
    one_of,
    parts_of,
    same_but_case,
    shown,
    stands,
)

Document = dict[str, Any]

EFFORT = 1_000_000
"""How much z3 may do for a question, in its own units: about a second at most."""
MAX_VALUES = 4
MAX_FOLDED = 6
"""How long texts are that are compared with variables without regard to case."""
TENANT = "durward:tenantid"
TEXTS_TOLD = (TENANT, "durward:subject")
TRUTHS = ("true", "false")
LISTS_TOLD = ("durward:roles", "durward:groups")


@dataclass(frozen=True)
class Side:
    """Documents that grant, and ceilings of which each must allow."""

    grants: list[Document]
    ceilings: list[list[Document]] = field(default_factory=list)

    def documents(self) -> list[Document]:
        return [each for level in (self.grants, *self.ceilings) for each in level]


@dataclass(frozen=True)
class Request:
    """`principals` are the names of who asks, as far as documents name them."""

    action: str
    resource: str
    context: dict[str, Any]
    principals: list[str]


@dataclass(frozen=True)
class Answer:
    """`request` is there where one was found; one is `is_settled` unless z3 gave up.

    Where it `is_bounded`, none means only that there is none of the spellings considered.
    """

    is_settled: bool
    is_bounded: bool
    request: Request | None = None


PROVEN = Answer(is_settled=True, is_bounded=False)
"""There is none."""


@dataclass(frozen=True)
class Outcome:
    """Whether something holds, or cannot be read: then it is as the statement's effect says."""

    holds: Formula
    odd: Formula = FALSE

    def under(self, effect: str) -> Formula:
        return (
            either([self.odd, self.holds]) if effect == "Deny" else both(no(self.odd), self.holds)
        )


def ask(
    allowed_by: Side, not_by: Side, *, cross_tenant: bool = False, effort: int = EFFORT
) -> Answer:
    """A request that the one side allows and not the other.

    The resource is of the tenant of who asks, or of nobody's, unless `cross_tenant`. Raises Beyond.
    """
    question = Question([*allowed_by.documents(), *not_by.documents()])
    wanted = [question.allows(allowed_by), no(question.allows(not_by))]
    if not cross_tenant:
        place, tenant = question.resource[4], question.key(TENANT).value.string
        wanted.append(either([place == "", place == tenant]))
    solver = z3.Solver()
    solver.set("rlimit", effort)
    solver.add(*wanted, *question.rules())
    found = solver.check()
    if found == z3.sat:
        request = question.request(solver.model())
        return Answer(is_settled=True, is_bounded=question.is_bounded, request=request)
    return Answer(is_settled=found == z3.unsat, is_bounded=question.is_bounded)


class Key:
    """What a request has under a key."""

    def __init__(
        self, name: str, families: set[str], constants: dict[str, set[str]], most: int
    ) -> None:
        self.name = name
        self.is_list = name in LISTS_TOLD
        self.is_told = self.is_list or name in TEXTS_TOLD
        self.state = z3.Int(f"{name} state")
        self.absent, self.odd, self.several, self.single = (self.state == at for at in range(4))
        self.value = Value(name, families, constants)
        can_be_several = self.is_list or (most > 0 and not self.is_told)
        self.is_cut = most > MAX_VALUES
        self.values = [
            (z3.Bool(f"{name} value {at}"), Value(f"{name} text {at}", families, constants))
            for at in range(min(max(most, 1), MAX_VALUES) if can_be_several else 0)
        ]

    def rules(self) -> Iterator[Formula]:
        yield from (self.state >= 0, self.state <= 3)
        yield z3.Implies(self.several, either(is_there for is_there, _ in self.values))
        for value in (self.value, *(value for _, value in self.values)):
            yield from value.rules()
        if self.is_told:
            yield no(self.odd)
            yield no(self.single) if self.is_list else both(self.single, self.value.string != "")
        if self.name == TENANT:
            yield no(z3.Contains(self.value.string, ":"))

    def told(self, model: Any) -> Any:
        """What stands under the key in a request."""
        texts = [each.spelling(model) for is_there, each in self.values if is_true(model, is_there)]
        return (None, {}, texts, self.value.spelling(model))[number(model, self.state)]


class Question:
    """Documents as formulas about one request."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.families: dict[str, set[str]] = defaultdict(set)
        self.constants: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self.quantified: dict[str, set[Any]] = defaultdict(set)
        self.keys: dict[str, Key] = {}
        self.members: dict[str, Formula] = {}
        self.extra: list[Formula] = []
        self.is_folding = False
        self.action = z3.String("action")
        self.resource = [z3.String(f"resource {at}") for at in range(6)]
        for key in TEXTS_TOLD:
            self.families[key].add("String")
        for statement in statements(documents):
            self.note(statement)

    @property
    def is_bounded(self) -> bool:
        return self.is_folding or any(k.is_cut or k.value.is_bounded for k in self.keys.values())

    def note(self, statement: Document) -> None:
        """How each key is read."""
        texts = naive_policy.listed(statement.get("Resource", []))
        texts = [*texts, *naive_policy.listed(statement.get("NotResource", []))]
        for operator, key, wanted in conditions(statement):
            if operator == "Null" or naive_policy.refused(operator, wanted):
                continue
            texts += wanted
            family = family_of(operator)
            self.families[key].add(family)
            self.constants[key][family].update(wanted)
            if operator.startswith("ForA"):
                self.quantified[key].add((operator, *wanted, statement["Effect"]))
        for text in texts:
            for part in parts_of(text, wildcards=False):
                if isinstance(part, Variable):
                    self.families[part.key].add("String")

    def key(self, name: str) -> Key:
        if name not in self.keys:
            found = self.families[name], self.constants[name], len(self.quantified[name])
            self.keys[name] = Key(name, *found)
        return self.keys[name]

    def rules(self) -> Iterator[Formula]:
        """What is so of every request."""
        signs = [z3.Range("!", "9"), z3.Range(";", "@"), z3.Range("[", "~")]  # no upper case
        anything = z3.Star(one_of([*signs, z3.Re(":")]))
        yield z3.InRe(self.action, z3.Concat(anything, one_of(signs)))
        yield from (no(z3.Contains(segment, ":")) for segment in self.resource[:5])
        for key in self.keys.values():
            yield from key.rules()
        yield from self.of_one_principal()
        yield from self.extra

    def request(self, model: Any) -> Request:
        resource = ":".join(shown(model, segment) for segment in self.resource)
        context = {name: key.told(model) for name, key in sorted(self.keys.items())}
        names = [name for name, is_known in self.members.items() if is_true(model, is_known)]
        return Request(shown(model, self.action), resource, context, names)

    def allows(self, side: Side) -> Formula:
        denied = self.says(side.documents(), "Deny")
        allowed = [self.says(level, "Allow") for level in (side.grants, *side.ceilings)]
        return both(no(denied), *allowed)

    def says(self, documents: Sequence[Document], effect: str) -> Formula:
        return either(
            self.applies(statement, by_resource=names_somebody(document))
            for document in documents
            for statement in statements([document])
            if statement["Effect"] == effect
        )

    def applies(self, statement: Document, *, by_resource: bool) -> Formula:
        found = [self.condition(*each) for each in conditions(statement)]
        return both(
            self.acts(statement),
            self.is_meant(statement, by_resource=by_resource),
            *(each.under(statement["Effect"]) for each in (self.names(statement), *found)),
        )

    def acts(self, statement: Document) -> Formula:
        name = "Action" if "Action" in statement else "NotAction"
        found = either(
            is_meant_by(self.action, parts_of(text.lower().replace("$", "${$}"), wildcards=True))
            for text in naive_policy.listed(statement[name])
            if text == "*" or naive_policy.is_action(text)
        )
        return found if name == "Action" else no(found)

    def is_meant(self, statement: Document, *, by_resource: bool) -> Formula:
        """Whether who asks is one of those that are named."""
        name = next((n for n in ("Principal", "NotPrincipal") if n in statement), None)
        if name is None:
            return FALSE if by_resource else TRUE
        kinds = statement[name] if isinstance(statement[name], dict) else {"": statement[name]}
        listed = [text for texts in kinds.values() for text in naive_policy.listed(texts)]
        found = either(TRUE if text == "*" else self.member(text) for text in listed)
        return found if name == "Principal" else no(found)

    def member(self, text: str) -> Formula:
        """Whether who asks is known by a name; whoever has one in an account has its root's too."""
        name = naive_policy.meant(text)
        if name not in self.members:
            self.members[name] = z3.Bool(f"principal {name}")
            if account_of(name) and not name.endswith(":root"):
                root = self.member(f"{account_of(name)}:root")
                self.extra.append(z3.Implies(self.members[name], root))
        return self.members[name]

    def of_one_principal(self) -> Iterator[Formula]:
        """They are of one account, and have one name of their own."""
        for (one, is_one), (other, is_other) in combinations(self.members.items(), 2):
            own = [re.search(r":(user|assumed-role)/", name) for name in (one, other)]
            if account_of(one) != account_of(other) or all(own):
                yield no(both(is_one, is_other))

    def names(self, statement: Document) -> Outcome:
        name = "NotResource" if "NotResource" in statement else "Resource"
        found, without = [], []
        for pattern in naive_policy.listed(statement.get(name, "*")):
            segments = naive_policy.split_arn(pattern)
            segments += ["*"] * (6 - len(segments))  # a short ARN of AWS
            listed = [parts_of(segment, wildcards=True) for segment in segments]
            if pattern.strip("*"):
                found.append(self.in_turn(listed))
            else:
                found.append(Outcome(TRUE))
            without += [no(self.has_value(part)) for parts in listed for part in variables(parts)]
        matched = either(each.holds for each in found)
        if name == "NotResource":  # every variable must have a value, whatever the resource
            return Outcome(no(matched), both(no(matched), either(without)))
        return Outcome(matched, both(no(matched), either(each.odd for each in found)))

    def in_turn(self, listed: Sequence[Sequence[Part]]) -> Outcome:
        """The segments, those without variables first, until one does not fit."""
        pairs = sorted(zip(listed, self.resource, strict=True), key=lambda p: bool(variables(p[0])))
        odd, so_far = [], TRUE
        for parts, text in pairs:
            found = self.fits(text, parts)
            odd.append(both(so_far, found.odd))
            so_far = both(so_far, found.holds)
        return Outcome(so_far, either(odd))

    def has_value(self, variable: Variable) -> Formula:
        key = self.key(variable.key)
        return key.single if variable.default is None else either([key.single, key.absent])

    def fits(self, text: Any, parts: Sequence[Part], *, folds: bool = False) -> Outcome:
        """Whether a text is what a pattern means; its beginning is looked at first."""
        if not variables(parts):
            return Outcome(is_meant_by(text, parts, folds=folds))
        start = parts[0] if isinstance(parts[0], str) and not folds else ""
        odd, so_far = [], z3.PrefixOf(start, text) if start else TRUE
        for variable in variables(parts):
            odd.append(both(so_far, self.key(variable.key).odd))
            so_far = both(so_far, self.has_value(variable))
        terms = [self.term(part) if isinstance(part, Variable) else part for part in parts]
        found = self.folds(text, parts, joined(terms)) if folds else stands(text, terms)
        return Outcome(both(so_far, found), either(odd))

    def term(self, variable: Variable) -> Any:
        key = self.key(variable.key)
        if variable.default is None:
            return key.value.string
        return z3.If(key.absent, z3.StringVal(variable.default), key.value.string)

    def folds(self, text: Any, parts: Sequence[Part], whole: Any) -> Formula:
        self.is_folding = True
        short = z3.Loop(z3.Range(" ", "~"), 0, MAX_FOLDED)
        texts = [text, *(self.key(variable.key).value.string for variable in variables(parts))]
        self.extra += [z3.InRe(each, short) for each in texts]
        return same_but_case(text, whole, MAX_FOLDED)

    def condition(self, operator: str, key: str, wanted: Sequence[str]) -> Outcome:
        if naive_policy.refused(operator, list(wanted)):
            return Outcome(FALSE, TRUE)
        found = self.key(key)
        if operator == "Null":
            meant = {"true": found.absent, "false": no(found.absent)}
            return Outcome(either(meant[text.lower()] for text in wanted), found.odd)
        prefix, _, name = operator.rpartition(":")
        optional, name = name.endswith("IfExists"), name.removesuffix("IfExists")
        negated, name = name in naive_policy.NEGATED, naive_policy.NEGATED.get(name, name)
        single = self.against(name, found.value, wanted, negated=negated)
        listed = [
            (is_there, self.against(name, value, wanted, negated=negated))
            for is_there, value in (found.values if prefix else ())
        ]
        some = either(both(is_there, each.holds) for is_there, each in listed)
        every = both(*(z3.Implies(is_there, each.holds) for is_there, each in listed))
        several = {"ForAllValues": every, "ForAnyValue": some}.get(prefix, FALSE)
        strange = either(both(is_there, each.odd) for is_there, each in listed)
        when_absent = {"ForAllValues": True, "ForAnyValue": False}.get(prefix, negated)
        return Outcome(
            either(
                [
                    both(found.absent, z3.BoolVal(optional or when_absent)),
                    both(found.single, single.holds),
                    both(found.several, several),
                ]
            ),
            either(
                [found.odd, both(found.single, single.odd), both(found.several, strange)],
            ),
        )

    def against(self, name: str, value: Value, wanted: Sequence[str], *, negated: bool) -> Outcome:
        """One value of the request against those of the policy."""
        tested = [self.one(name, value, each) for each in wanted]
        matched = either(each.holds for each in tested)
        is_arn = value.reads["Arn"] if name.startswith("Arn") else TRUE
        odd = both(is_arn, no(matched), either(each.odd for each in tested))
        if name == "Bool":
            is_none = no(either(is_truth(value.string, text) for text in TRUTHS))
            return Outcome(both(no(is_none), matched), either([is_none, odd]))
        return Outcome(both(is_arn, no(matched) if negated else matched), odd)

    def truth(self, value: Value, parts: Sequence[Part]) -> Outcome:
        """Whether a value is the same truth as one of the policy, or as a variable's value."""
        if not variables(parts):
            return Outcome(is_meant_by(value.string, parts, folds=True))
        (variable,) = variables(parts)
        term, has_value = self.term(variable), self.has_value(variable)
        is_none = no(either(is_truth(term, text) for text in TRUTHS))
        alike = either(both(is_truth(value.string, t), is_truth(term, t)) for t in TRUTHS)
        return Outcome(
            both(has_value, alike), either([self.key(variable.key).odd, both(has_value, is_none)])
        )

    def one(self, name: str, value: Value, operand: str) -> Outcome:
        family = family_of(name)
        if family == "Bool":
            return self.truth(value, parts_of(operand, wildcards=False))
        if family in TEXTUAL:
            parts = parts_of(operand, wildcards=name == "StringLike")
            return self.fits(value.string, parts, folds=name == "StringEqualsIgnoreCase")
        if family == "Arn":
            listed = [parts_of(each, wildcards=True) for each in naive_policy.split_arn(operand)]
            found = [self.fits(*pair) for pair in zip(value.segments, listed, strict=True)]
            return Outcome(both(*(each.holds for each in found)), either(e.odd for e in found))
        reads = value.reads[family]
        return Outcome(both(reads, value.against(name, family, operand)), no(reads))


def is_truth(text: Any, truth: str) -> Formula:
    return is_meant_by(text, [truth], folds=True)


def statements(documents: Sequence[Document]) -> Iterator[Document]:
    for document in documents:
        yield from naive_policy.listed(document["Statement"])


def conditions(statement: Document) -> Iterator[tuple[str, str, list[str]]]:
    for operator, keys in statement.get("Condition", {}).items():
        for key, wanted in keys.items():
            texts = [naive_policy.as_text(each) for each in naive_policy.listed(wanted)]
            yield operator, key.lower(), texts


def variables(parts: Sequence[Part]) -> list[Variable]:
    return [part for part in parts if isinstance(part, Variable)]


def family_of(operator: str) -> str:
    """What an operator reads: the first word of its name."""
    name = operator.rpartition(":")[2].removeprefix("Not")
    return next(family for family in FAMILIES if name.startswith(family))


def names_somebody(document: Document) -> bool:
    """Whether it is a policy that names principals."""
    elements = [element for statement in statements([document]) for element in statement]
    return "Principal" in elements or "NotPrincipal" in elements


def account_of(name: str) -> str:
    """What all names in one account begin with; nothing for who is of no account."""
    return name.rpartition(":")[0] if name.startswith("arn:") else ""
