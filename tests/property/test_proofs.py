"""No answer is refuted by a request: every question about small worlds, against their callers.

Requests come in by the edge's own decider and by the AuthZEN service's directory. What one of them
allows, no answer may call impossible; what an answer shows, the engine allows. `DURWARD_TEST_LONG`
asks about as many worlds as it takes for 10^5 requests.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random  # noqa: TID251 - the same worlds each time
from time import perf_counter
from typing import Any, TypeVar

import pytest
from tests.depth import LONG, depth
from tests.worlds import (
    NAMES,
    Callers,
    Sent,
    World,
    a_policy,
    a_statement,
    a_wide_policy,
    a_world,
    sent_to,
)

from durward.core.access import access_changes, names_of_principal
from durward.core.policy.engine.predicate import compile_statement, holds
from durward.core.policy.engine.request import AccessRequest
from durward.core.policy.language.document import read_document
from durward.core.policy.symbolic.unknown import Unknown

T = TypeVar("T")
WORLDS = depth(8, long=400)
REQUESTS = depth(100, long=250)
MAX_UNDECIDED = 0.03


@dataclass
class Tally:
    """What was asked, and how it was answered."""

    questions: int = 0
    undecided: int = 0
    requests: int = 0
    allowed: int = 0
    refuted: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def answers(self, found: Iterator[T]) -> tuple[list[T], bool]:
        """All that was found, and whether the rest is settled."""
        self.questions += 1
        answers: list[T] = []
        begun = perf_counter()
        try:
            for each in found:
                answers.append(each)  # noqa: PERF402 - what came before an error stands
        except Unknown:
            self.undecided += 1
            return answers, False
        finally:
            self.seconds += perf_counter() - begun
        return answers, True

    def refute(self, seed: int, question: str, asked: AccessRequest) -> None:
        """Keep a request that an answer calls impossible."""
        self.refuted.append(f"world {seed}: {question}: {who(asked)} {asked}")


def who(asked: AccessRequest) -> str:
    return names_of_principal(asked.principal)[0] if asked.principal else "anonymous"


def ask(seed: int, tally: Tally) -> None:
    """Ask every question about one world, and hold each answer against its requests."""
    random = Random(seed)  # noqa: S311 - the same each time
    world = a_world(random)
    callers = Callers(world)
    sent = list(sent_to(world, random, REQUESTS))
    allowed = [found for each in sent if (found := callers.allowed(each))]
    tally.requests += len(sent)
    tally.allowed += len(allowed)
    ask_who_can(seed, tally, world, callers, allowed)
    ask_never(seed, tally, world, a_statement(random, effects=["Allow"]), allowed)
    name = random.choice(["clerk", "boss", "little"])
    policy = a_wide_policy(random) if name == "little" else a_policy(random)
    ask_changes(seed, tally, world, world.with_policies({name: policy}), sent)
    ask_redundant(seed, tally, world, sent)


def ask_who_can(
    seed: int, tally: Tally, world: World, callers: Callers, allowed: list[AccessRequest]
) -> None:
    for name in NAMES:
        action = f"orders:{name}"
        found, is_settled = tally.answers(world.access.who_can(action, "*"))
        for known in found:
            if not callers.policies.evaluate(known.witness.request).allowed:
                tally.refute(seed, f"who-can {action} is shown", known.witness.request)
        names = {names_of_principal(known.principal)[0] for known in found}
        for asked in allowed if is_settled else ():
            if asked.action == action and who(asked) not in names:
                tally.refute(seed, f"who-can {action}", asked)


def ask_never(
    seed: int,
    tally: Tally,
    world: World,
    statement: dict[str, Any],
    allowed: list[AccessRequest],
) -> None:
    document = read_document({"Version": "2012-10-17", "Statement": statement}, "never")
    never = compile_statement(document.statements[0])
    found, is_settled = tally.answers(world.access.breaches(never))
    for asked in allowed if is_settled and not found else ():
        if holds(never, asked.facts):
            tally.refute(seed, f"never {statement}", asked)


def ask_changes(seed: int, tally: Tally, old: World, new: World, sent: list[Sent]) -> None:
    before, after = Callers(old), Callers(new)
    found, is_settled = tally.answers(access_changes(old.access, new.access))
    changed = {names_of_principal(each.principal)[0]: each for each in found}
    for each in sent if is_settled else ():
        was, is_now = before.allowed(each), after.allowed(each)
        asked = was or is_now
        if asked is None or bool(was) is bool(is_now):
            continue
        change = changed.get(who(asked))
        if change is None or not (change.gained if is_now else change.lost):
            tally.refute(seed, "diff", asked)


def ask_redundant(seed: int, tally: Tally, world: World, sent: list[Sent]) -> None:
    begun = perf_counter()
    found = list(world.access.redundant())
    tally.seconds += perf_counter() - begun
    tally.questions += len(found)
    tally.undecided += sum(bool(each.undecided) for each in found)
    gone = frozenset(each.statement for each in found if not each.undecided)
    before, after = Callers(world), Callers(world.less(gone))
    for each in sent:
        was, is_now = before.allowed(each), after.allowed(each)
        asked = was or is_now
        if asked is not None and bool(was) is not bool(is_now):
            tally.refute(seed, f"redundant {sorted(gone)}", asked)


@pytest.mark.timeout(3_600 if LONG else 60)
def test_no_request_refutes_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally()
    for seed in range(WORLDS):
        ask(seed, tally)
    if LONG:
        with capsys.disabled():
            sys.stdout.write(
                f"\n{tally.questions} questions, {tally.undecided} undecided, "
                f"{len(tally.refuted)} refuted by {tally.requests} requests "
                f"({tally.allowed} allowed), {tally.seconds:.0f} s\n"
            )
    assert not tally.refuted, "\n".join(tally.refuted[:5])
    assert tally.undecided <= MAX_UNDECIDED * tally.questions
    assert tally.allowed > tally.requests / 100
