"""Open the database of a URL: SQLite or PostgreSQL."""

from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from durward.core.errors import Misconfigured
from durward.store.database import Database


def open_database(url: str) -> Database:
    """`sqlite:///PATH` or `postgresql://…`. Raises Misconfigured."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        hint = "sqlite:///PATH or postgresql://USER@HOST/NAME"
        raise Misconfigured("database", "not the URL of a database", hint=hint) from error
    # Each is imported on demand: PostgreSQL's costs a quarter of a second.
    match parsed.get_backend_name():
        case "sqlite" if parsed.database:
            from durward.store.sqlite import SqliteDatabase  # noqa: PLC0415

            return SqliteDatabase(Path(parsed.database))
        case "postgresql":
            from durward.store.postgres import PostgresDatabase  # noqa: PLC0415

            driver = parsed.set(drivername="postgresql+asyncpg")
            return PostgresDatabase(driver.render_as_string(hide_password=False))
        case other:
            hint = "sqlite:///PATH or postgresql://USER@HOST/NAME"
            raise Misconfigured("database", f"`{other}` is not supported", hint=hint)
