"""Redundant statements, which can all be removed together: of equal ones the first stays."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from durward.core.policy.analysis.asking import Asking
from durward.core.policy.analysis.find import Witness, find
from durward.core.policy.analysis.policy_stack import PolicyStack
from durward.core.policy.language.document import Document, Effect
from durward.core.policy.symbolic.unknown import Exhausted, Unknown
from durward.core.policy.symbolic.work import Work

Gone = frozenset[str]
"""Names of statements, as `document/statement`."""


@dataclass(frozen=True, slots=True)
class Redundant:
    """A redundant statement; or one for which `undecided` has the reason why that is open."""

    statement: str
    undecided: str = ""


def redundant(documents: Sequence[Document]) -> Iterator[Redundant]:
    """The redundant statements of these documents, for all tenants."""
    work = Work()

    def matters(gone: Gone, more: str) -> bool:
        now = [without(each, gone) for each in documents]
        rest = PolicyStack([without(each, {more}) for each in now], cross_tenant=True)
        return _differ(PolicyStack(now, cross_tenant=True), rest, work)

    return redundant_among(documents, matters)


def redundant_among(
    documents: Sequence[Document], matters: Callable[[Gone, str], bool]
) -> Iterator[Redundant]:
    """The redundant statements, the last first; `matters`: one more removal has an effect.

    It may raise Unknown: such a statement stays. Allows are tested before Denies, since a Deny
    without a matching Allow is redundant; so every statement that stays is needed.
    """
    gone: Gone = frozenset()
    for name in (*_names(documents, Effect.ALLOW), *_names(documents, Effect.DENY)):
        try:
            if not matters(gone, name):
                gone |= {name}
                yield Redundant(name)
        except Exhausted as error:
            yield Redundant(name, f"{error}; ask about one policy alone")
        except Unknown as error:
            yield Redundant(name, str(error))


def _names(documents: Sequence[Document], effect: Effect) -> list[str]:
    return [
        statement_name(document, statement.name)
        for document in reversed(documents)
        for statement in reversed(document.statements)
        if statement.effect is effect
    ]


def without(document: Document, gone: Collection[str]) -> Document:
    """The document without some statements."""
    if not any(statement_name(document, s.name) in gone for s in document.statements):
        return document
    rest = tuple(s for s in document.statements if statement_name(document, s.name) not in gone)
    return replace(document, statements=rest)


def statement_name(document: Document, statement: str) -> str:
    """A statement's name among several documents."""
    return f"{document.name}/{statement}"


def _differ(one: PolicyStack, other: PolicyStack, work: Work) -> bool:
    asking = Asking()
    found: Witness | None = asking(find, one, other, work=work) or asking(
        find, other, one, work=work
    )
    if found is None:
        asking.end()
    return found is not None
