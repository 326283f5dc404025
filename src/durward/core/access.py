"""Who can do what by the declarations: the questions of `find`, asked of an estate.

Everybody who is declared is asked about as what they are: their roles, groups and policies, the
policies of the APIs, guardrails and boundaries. Scopes are left out: they narrow by the token. Only
requests are looked for that some declared operation makes.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from durward.core.estate import Estate
from durward.core.policy.document import Document, Kind, read_document
from durward.core.policy.find import Side, Witness, asked_for, differences, find
from durward.core.policy.pattern import parse_action, resource_pattern
from durward.core.policy.predicate import Acts, Every, Names, Predicate, Some
from durward.core.policy.request import NOBODY, Principal
from durward.core.principals import declared_principals

ASKING_WHO = ("Subject", "subject", "rincipalArn", "rincipalarn", ":user/", ":client/", "lientId")
"""What stands in a policy that tells one from another by more than roles."""
ANONYMOUSLY = "anonymous"
"""How they are named who ask without a token."""


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody, and a request that shows what they can do."""

    principal: Principal
    witness: Witness


class Access:
    """An estate, ready to be asked."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate
        self._read: dict[tuple[str, Kind], Document] = {}
        self.principals = list(declared_principals(estate))
        self.requests = Some(tuple(_requests(estate, public=False)))
        self._public = Some(tuple(_requests(estate, public=True)))

    def side(self, principal: Principal) -> Side:
        """What decides for somebody within their own tenant."""
        bundle = self._estate.bundle
        grants = self._attached(bundle.identity, principal.attachments)
        for names in bundle.resources.values():
            grants += [self._document(name, Kind.RESOURCE) for name in names]
        ceilings = [[self._document(name, Kind.IDENTITY)] for name in bundle.guardrails]
        bounded = (*principal.attachments, principal.through)
        ceilings += [
            self._attached(bundle.boundaries, [name])
            for name in bounded
            if name in bundle.boundaries
        ]
        return Side(grants, ceilings, principal=principal)

    def who_can(self, action: str, resource: str) -> Iterator[Known]:
        """Everybody who can do it under some circumstances. Raises ValueError, Undecided."""
        wanted = asked_for(action, resource)
        for principal in (*self.principals, NOBODY):
            asked = Every((self.requests_of(principal), wanted))
            if witness := find(self.side(principal), under=asked):
                yield Known(principal, witness)

    def what_can(self, name: str) -> Iterator[tuple[str, Witness]]:
        """Each operation that somebody can do, with a request. Raises Undecided."""
        everybody = (*self.principals, NOBODY)
        principals = [found for found in everybody if name in names_of(found)]
        actions = dict.fromkeys(
            o.action for api in self._estate.apis.values() for o in api.operations
        )
        for principal in principals:
            side = self.side(principal)
            for action in actions:
                asked = Every((self.requests_of(principal), asked_for(action)))
                if witness := find(side, under=asked):
                    yield action, witness

    def breaches(self, never: Predicate) -> Iterator[Known]:
        """Who is allowed what must never be; of all who are alike, one. Raises Undecided."""
        for principal in self._different():
            asked = Every((self.requests_of(principal), never))
            if witness := find(self.side(principal), under=asked):
                yield Known(principal, witness)

    def requests_of(self, principal: Principal) -> Predicate:
        """What somebody can ask for: without a token, what is declared to need none."""
        return self._public if principal is NOBODY else self.requests

    def _different(self) -> Iterator[Principal]:
        """One of those who have the same roles and groups in the same tenant.

        Nobody is like another where a policy asks who somebody is.
        """
        bundle, seen = self._estate.bundle, set[object]()
        by_name = any(name in str(bundle.documents) for name in ASKING_WHO)
        for principal in self.principals:
            own = principal.attachments[0]
            is_apart = by_name or own in bundle.identity or own in bundle.boundaries
            like = (principal.kind, principal.tenant, principal.roles, principal.groups)
            if is_apart or like not in seen:
                seen.add(like)
                yield principal
        yield NOBODY

    def _attached(
        self, attachments: Mapping[str, tuple[str, ...]], names: Sequence[str]
    ) -> list[Document]:
        listed = dict.fromkeys(named for name in names for named in attachments.get(name, ()))
        return [self._document(name, Kind.IDENTITY) for name in listed]

    def _document(self, name: str, kind: Kind) -> Document:
        if (name, kind) not in self._read:
            body = self._estate.bundle.documents[name]
            self._read[name, kind] = read_document(body, name, kind)
        return self._read[name, kind]


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody may do that they could not before, and what no longer; a request for each."""

    principal: Principal
    gained: Witness | None
    lost: Witness | None


SOME_TEXT = "?*"
"""What a value of a path can be: anything but nothing."""
_FILLED = re.compile(r"\{[^}]*\}")


def _requests(estate: Estate, *, public: bool) -> Iterator[Predicate]:
    """For each operation: its action, on resources of the form that it declares."""
    for api in estate.apis.values():
        for operation in api.operations:
            if public and not operation.public:
                continue
            tenant = _FILLED.sub(SOME_TEXT, operation.tenant or "")
            last = _FILLED.sub(SOME_TEXT, operation.resource or "")
            arn = f"arn:durward:{api.id}:{api.stage}:{tenant}:{last}"
            names = resource_pattern(arn, arn.split(":", 5))
            yield Every(
                (
                    Acts((parse_action(operation.action),), complement=False),
                    Names((names,), complement=False, on_error=False),
                )
            )


def changes(old: Access, new: Access) -> Iterator[Change]:
    """Everybody for whom something is otherwise. Raises Undecided.

    Who is declared in one estate alone can do nothing in the other.
    """
    before = {found.attachments[0]: found for found in (*old.principals, NOBODY)}
    after = {found.attachments[0]: found for found in (*new.principals, NOBODY)}
    for name in before | after:
        is_old, is_new = before.get(name), after.get(name)
        who = is_new or before[name]
        asked = Some((old.requests_of(who), new.requests_of(who)))
        was = old.side(is_old) if is_old else Side([], principal=is_new)
        will_be = new.side(is_new) if is_new else Side([], principal=is_old)
        gained, lost = differences(was, will_be, asked)
        if gained or lost:
            yield Change(who, gained, lost)


def names_of(principal: Principal) -> tuple[str, ...]:
    """How somebody is named in questions and tests: `user/ann`, or `ann`."""
    if principal is NOBODY:
        return (ANONYMOUSLY,)
    return principal.attachments[0], principal.subject
