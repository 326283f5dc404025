"""Decide whether a predicate is satisfiable: first as a whole, then case by case.

Variables make questions hard, so the relaxed predicate without them is solved first: if it is not
satisfiable, neither is the whole. If the candidate values of variables are too many, or not known
to be complete, the predicate is split at a choice, and each case is solved by itself. A case has
fewer conditions, so that its variables have fewer candidates.
"""

from durward.core.policy.engine.predicate import Facts, Predicate
from durward.core.policy.engine.request import Principal
from durward.core.policy.symbolic.cases import Case, Choice, case_of, is_varied, parted
from durward.core.policy.symbolic.model import Asker, model_of
from durward.core.policy.symbolic.principal_name import taken_apart
from durward.core.policy.symbolic.relaxed import relaxed
from durward.core.policy.symbolic.unknown import Exhausted, Unknown
from durward.core.policy.symbolic.variables import MAX_SETTINGS
from durward.core.policy.symbolic.work import Work

MAX_CASES = 30
FEW_SETTINGS = 16
"""The number of assignments to try before the question is split at a choice."""


def solve(
    predicate: Predicate,
    *,
    within_tenant: bool = False,
    principal: Principal | None = None,
    known: Facts | None = None,
    work: Work | None = None,
) -> Facts | None:
    """The facts of a request for which the predicate holds; None if there is none.

    `within_tenant` restricts the resource to the principal's own tenant; without a principal, any
    is considered. `known` are values of other keys, `work` is the remaining work of the question.
    Raises Unknown.
    """
    asker = Asker(within_tenant, principal, known or {}, work or Work())
    asker.work.begin()
    try:
        return _solved(predicate, asker)
    except Exhausted as error:
        if asker.work.is_done:
            raise
        raise Unknown(str(error)) from None


def _solved(predicate: Predicate, asker: Asker) -> Facts | None:
    predicate = predicate if asker.principal else taken_apart(predicate)
    if not is_varied(predicate):
        return model_of(predicate, asker)
    case = case_of(predicate)
    return _Cases(asker).model(case) if case else None


class _Cases:
    def __init__(self, asker: Asker) -> None:
        self.asker = asker
        self.number = 0

    def model(self, case: Case) -> Facts | None:
        """A request that satisfies the case. Raises Unknown."""
        self.number += 1
        if self.number > MAX_CASES:
            raise Unknown("there are too many cases")
        predicate = case.predicate
        if self._cannot_be(relaxed(predicate)):
            return None
        choice = _choice(case)
        try:
            return model_of(predicate, self.asker, FEW_SETTINGS if choice else MAX_SETTINGS)
        except Exhausted:
            raise
        except Unknown:
            if not choice:
                raise
        return self._model_of_one(case, choice)

    def _cannot_be(self, predicate: Predicate) -> bool:
        try:
            return model_of(predicate, self.asker) is None
        except Exhausted:
            raise
        except Unknown:
            return False

    def _model_of_one(self, case: Case, choice: Choice) -> Facts | None:
        doubt: Unknown | None = None
        for each in parted(case, choice):
            try:
                found = self.model(each)
            except Exhausted:
                raise
            except Unknown as error:
                doubt = doubt or error
                if self.number > MAX_CASES:
                    break
                continue
            if found is not None:
                return found
        if doubt:
            raise doubt
        return None


def _choice(case: Case) -> Choice | None:
    """The choice at which to split a case: one with variables and few cases, else any."""
    varied = [choice for choice in case.choices if any(map(is_varied, choice.cases))]
    return min(varied or case.choices, key=lambda choice: len(choice.cases), default=None)
