"""A database of before people were rows: they are declarations there."""

from sqlalchemy import Connection, insert, text

from durward.core.configuration.user import declaration_of
from durward.core.wire import sorted_json
from durward.store.people import declared_people
from durward.store.schema import declarations

TABLES = (
    "people",
    "people_classes",
    "identifiers",
    "groups",
    "group_members",
    "retired_people",
    "subjects",
    "pushed_requests",
    "reset_links",
    "work",
)


def declare_people_again(connection: Connection) -> None:
    """Undo what migrations from 0012 on did."""
    connection.execute(text("DROP INDEX ix_passwords_kind"))
    for column in ("kind", "first_kind"):
        connection.execute(text(f"ALTER TABLE passwords DROP COLUMN {column}"))
    for person in declared_people(connection):
        body = {name: value for name, value in declaration_of(person).items() if name != "id"}
        row = {"kind": "users", "name": person.id, "body": sorted_json(body)}
        connection.execute(insert(declarations).values(**row, changed_at=person.changed_at))
    for table in TABLES:
        connection.execute(text(f'DROP TABLE "{table}"'))
