"""Who may do something, among any number of people (AuthZEN Authorization API 1.0 §8.4).

Classes are asked before people: one answer is everybody's of a class but for those whom a policy
singles out. So a page reads the people that it answers with, and few others.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection

from durward.core.authzen.page import PersonPlace
from durward.core.people.person import Entitlements
from durward.core.policy.engine.evaluate import PolicySet
from durward.core.policy.engine.request import TENANT_SEGMENT, AccessRequest, Principal
from durward.core.policy.engine.singled_out import SinglingOut
from durward.core.principals import principal_of_entitlements
from durward.core.values import UserId
from durward.store.people import classes_of, page_classes, page_of_class

BATCH: Final = 200
"""Classes, or people of one, that a statement reads."""

Narrowed = Callable[[Principal], Principal | None]
Question = Callable[[Principal], AccessRequest]


@dataclass(frozen=True)
class PeopleSearch:
    """One question about everybody."""

    connection: Connection
    policies: PolicySet
    narrowed: Narrowed
    """The principal as a token would tell of them; None for nobody."""
    question: Question
    _singling: SinglingOut = field(init=False)
    _classes: dict[str, str | None] = field(init=False, default_factory=dict)
    """The class of each person who is singled out; None of whoever is disabled, or not there."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_singling", SinglingOut(self.policies))

    def steps(self, after: PersonPlace) -> Iterator[tuple[PersonPlace, bool]]:
        """Each place that is looked at behind one, and whether who is there may do it.

        A place is a person, or a class of which nobody is looked at yet: its id is that of before.
        """
        tenant = self._only_tenant()
        before = ""
        while found := page_classes(
            self.connection, at=after.class_key, after=before, tenant=tenant, limit=BATCH
        ):
            for key, one in found:
                begins = after.id if key == after.class_key else ""
                yield PersonPlace(key, begins), False
                yield from self._of_class(key, one, begins)
            before = found[-1][0]

    def _only_tenant(self) -> str | None:
        """The tenant whose people alone may be allowed it; None if others may be."""
        request = self.question(Principal("", "user", ""))
        tenant = request.segments[TENANT_SEGMENT]
        return tenant if tenant and not self.policies.may_cross(request.action) else None

    def _of_class(
        self, key: str, one: Entitlements, after: str
    ) -> Iterator[tuple[PersonPlace, bool]]:
        """The people of a class who may do it, and those who were looked at and may not."""
        asked = self._asked(one, "p")
        apart = self._singling.ids(asked) if asked else frozenset[str]()
        if asked is None:
            return
        if apart is None:
            for id in self._people(key, after):
                yield PersonPlace(key, id), self._may(one, id)
            return
        others = self._may(one, _nobody_of(apart))
        if others:
            for id in self._people(key, after):
                yield PersonPlace(key, id), id not in apart or self._may(one, id)
            return
        for named in self._apart_of(key, apart, after):
            yield PersonPlace(key, named), self._may(one, named)

    def _apart_of(self, key: str, apart: frozenset[str], after: str) -> list[str]:
        """Those of a class who are singled out, in order; each is looked up once."""
        if unknown := apart - self._classes.keys():
            found = classes_of(self.connection, unknown)
            self._classes.update((id, found.get(id)) for id in unknown)
        return sorted(id for id in apart if id > after and self._classes[id] == key)

    def _people(self, key: str, after: str) -> Iterator[UserId]:
        last: str = after
        while found := page_of_class(self.connection, key, after=last, limit=BATCH):
            yield from found
            last = found[-1]

    def _may(self, one: Entitlements, id: str) -> bool:
        asked = self._asked(one, id)
        return asked is not None and self.policies.evaluate(asked).allowed

    def _asked(self, one: Entitlements, id: str) -> AccessRequest | None:
        person = self.narrowed(principal_of_entitlements(one, UserId(id)))
        return None if person is None else self.question(person)


def _nobody_of(apart: frozenset[str]) -> str:
    """An id of none of them, for everybody else."""
    return next(id for number in range(len(apart) + 1) if (id := f"p_{number}") not in apart)
