"""People of declarations, as the store has them once they are applied."""

from collections.abc import Callable

from durward.core.configuration.configuration import Configuration
from durward.core.people.person import Person
from durward.core.values import UserId


def people_of(configuration: Configuration) -> Callable[[str], Person | None]:
    """Look somebody up by their id; who declares none has their name as one here."""
    found = {
        person.id: person
        for person in (
            user.person(name, UserId(user.id or name)) for name, user in configuration.users.items()
        )
    }
    return lambda id: found.get(UserId(id))
