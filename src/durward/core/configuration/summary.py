"""What an API comes to: how many operations it has, and how far they are open."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Final

from durward.core.configuration.configuration import Configuration
from durward.core.cors import ANY_ORIGIN, Cors
from durward.core.policy.analysis.allows import allows_of

MAX_NAMED: Final = 20


@dataclass(frozen=True, slots=True)
class ApiSummary:
    """One API in numbers. Of the operations that no policy allows the first are named.

    `unread` counts the members of its document that are not read, `notes` says what is taken
    otherwise than its author may expect: the first, of which `opening` tell that something is open.
    """

    name: str
    operations: int
    public: int
    not_allowed: int
    not_allowed_first: tuple[str, ...]
    unread: Mapping[str, int]
    notes: tuple[str, ...]
    opening: int = 0
    notes_left_out: int = 0
    hosts: tuple[str, ...] = ()
    prefix: str = ""


def summaries(configuration: Configuration, names: Iterable[str]) -> Iterator[ApiSummary]:
    """The APIs of these names, as the whole configuration makes them.

    A public operation needs a policy too; who is nobody is allowed by that of an API alone.
    """
    names = list(names)
    own = chain.from_iterable(user.policies for user in configuration.users.values())
    allows = allows_of(configuration.bundle, names, own)
    evaluated = configuration.evaluated
    for name in names:
        operations, stage = configuration.apis[name].operations, configuration.apis[name].stage
        shut = operations
        for some in allows[name]:
            meet = partial(some.may_meet, api=name, stage=stage, elsewhere=name in evaluated)
            shut = tuple(operation for operation in shut if not meet(operation))
        public = sum(operation.public for operation in operations)
        first = tuple(operation.id for operation in shut[:MAX_NAMED])
        document = configuration.inventories[name]
        open_to_pages = tuple(wide_origins(configuration.apis[name].cors))
        every = (*open_to_pages, *document.notes)
        notes = every[:MAX_NAMED]
        yield ApiSummary(
            name,
            len(operations),
            public,
            len(shut),
            first,
            document.unread,
            notes,
            min(len(open_to_pages) + document.opening, MAX_NAMED),
            len(every) - len(notes),
            configuration.apis[name].hosts,
            configuration.apis[name].prefix,
        )


def wide_origins(cors: Cors | None) -> Iterator[str]:
    """What is open to pages that nobody names one by one."""
    for origin in cors.origins if cors else ():
        if origin == ANY_ORIGIN:
            yield "`cors`: every page may call it in its visitors' browsers, and read responses"
        elif "*" in origin:
            yield f"`cors`: whoever gets a name of `{origin}` may call it by a page there"
