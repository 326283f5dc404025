"""Migrations at start: under a lock, in one transaction, and not at all where none is due."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from durward.core.errors import Misconfigured

LOCK = 7_238_471


def migrate(connection: Connection) -> bool:
    """Bring the schema to what this code needs; whether there was anything to do.

    Raises Misconfigured where the schema is newer than the code.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    version = schema_version(connection)
    known = known_versions()
    if version == max(known):  # each begins with its number
        return False
    if version is not None and version not in known:
        hint = "run the version of Durward that made it, or a newer one"
        raise Misconfigured("database", f"unknown schema version `{version}`", hint=hint)
    upgrade(connection)
    return True


def schema_version(connection: Connection) -> str | None:
    """The schema's version; None where there is none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return str(found) if found else None


def known_versions() -> set[str]:
    """The versions that this code knows."""
    folder = Path(__file__).parent / "migrations" / "versions"
    return {path.stem for path in folder.glob("[0-9]*.py")}


def upgrade(connection: Connection, to: str = "head") -> None:
    """Run what is missing up to a version. Alembic is imported only here: it takes long."""
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)
