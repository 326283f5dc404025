"""`plan` and `apply`: from what is declared to what should be."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from durward.core.audit.event import Trail
from durward.core.estate.declaration import Declaration, Kind
from durward.core.estate.estate import read_estate
from durward.core.names import check_names
from durward.core.promises import check_promises
from durward.core.values import ClientId, Secret
from durward.keys.envelope import KeyFile
from durward.services.client_secrets import mint_client_secret, needs_secret
from durward.services.publish import publish
from durward.services.take_back import take_back
from durward.store.declarations import load_declarations, put_declaration, remove_declaration


@dataclass(frozen=True, slots=True)
class Change:
    """One step: `add`, `change` or `remove`."""

    step: str
    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done, and the clients that would get a secret."""

    changes: tuple[Change, ...]
    secrets: tuple[ClientId, ...]


@dataclass(frozen=True)
class Applied:
    """What was done, and the secrets that were made: they are shown to their owner now or never."""

    version: int
    changes: tuple[Change, ...]
    secrets: tuple[tuple[ClientId, Secret], ...]


def plan(connection: Connection, wanted: Sequence[Declaration], *, prune: bool) -> Plan:
    """What `apply` would do; the result fits together, names what there is, keeps its promises.

    Raises Misconfigured.
    """
    before = load_declarations(connection)
    changes, after = _difference(before, wanted, prune=prune)
    estate = read_estate(after)
    check_names(estate)
    check_promises(estate)
    known = read_estate(before).clients
    secrets = [
        ClientId(name)
        for name, client in estate.clients.items()
        if needs_secret(connection, ClientId(name), client)
        or (client.has_secret and name not in known)
    ]
    return Plan(changes, tuple(secrets))


def apply(
    connection: Connection,
    wanted: Sequence[Declaration],
    *,
    prune: bool,
    issuer: str,
    key_file: KeyFile,
    trail: Trail,
) -> Applied:
    """Make it so, publish the next snapshot, and make a secret for each client that needs one.

    Everything or nothing; without a change nothing is published, nor where a declared test of the
    policies fails, or they name what there is not. Raises Misconfigured.
    """
    before = load_declarations(connection)
    changes, after = _difference(before, wanted, prune=prune)
    estate = read_estate(after)
    check_names(estate)
    check_promises(estate)
    by_name = {(declared.kind, declared.name): declared for declared in (*before, *after)}
    for change in changes:
        declared = by_name[change.kind, change.name]
        use = remove_declaration if change.step == "remove" else put_declaration
        use(connection, declared, trail)
    take_back(connection, read_estate(before), estate, trail)
    secrets = [
        (ClientId(name), mint_client_secret(connection, ClientId(name), trail))
        for name, client in estate.clients.items()
        if needs_secret(connection, ClientId(name), client)
    ]
    published = publish(connection, issuer, key_file, trail).version if changes else 0
    return Applied(published, changes, tuple(secrets))


def _difference(
    before: Sequence[Declaration], wanted: Sequence[Declaration], *, prune: bool
) -> tuple[tuple[Change, ...], list[Declaration]]:
    known = {(declared.kind, declared.name): declared for declared in before}
    asked = {(declared.kind, declared.name): declared for declared in wanted}
    changes = [
        Change("change" if key in known else "add", *key)
        for key, declared in asked.items()
        if key not in known or known[key].body != declared.body
    ]
    after = {**known, **asked}
    for key in known.keys() - asked.keys() if prune else ():
        changes.append(Change("remove", *key))
        del after[key]
    order = list(Kind)
    changes.sort(key=lambda change: (change.step, order.index(change.kind), change.name))
    return tuple(changes), list(after.values())
