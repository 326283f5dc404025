"""Addresses of Durward itself: no API's upstream may be one of them.

Envoy's admin interface, a decision point and the control plane's socket trust every caller, so a
client's request must never reach them through an API.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from durward.core.address import Address
from durward.core.api import Api
from durward.core.edge.node import Node
from durward.core.errors import Misconfigured

HERE = {"127.0.0.1", "::1", "localhost", "0.0.0.0", "::"}  # noqa: S104 - compared, not listened on


def refuse_own_places(apis: Iterable[Api], node: Node, folders: Iterable[Path]) -> None:
    """Refuse an API whose upstream is a listener or a socket of Durward. Raises Misconfigured.

    `folders` are the runtime folders of this node and its control plane.
    """
    own = list(own_places(node, folders))
    for api in apis:
        if any(same(address, place) for address in api.upstream.addresses for place in own):
            problem = f"the upstream of `{api.id}` is an address of Durward itself"
            raise Misconfigured("edge", problem)


def own_places(node: Node, folders: Iterable[Path]) -> Iterator[Address]:
    """The addresses at which this node and its control plane listen."""
    listeners = (
        node.admin,
        node.apis,
        node.issuer,
        node.own,
        node.control_plane,
        *node.decision_points,
    )
    yield from (place for place in listeners if place is not None)
    for folder in folders:
        for name in ("edge.sock", "control.sock", "public.sock"):
            yield Address(str(folder / name))


def same(one: Address, other: Address) -> bool:
    """Whether two addresses are the same; symbolic links of sockets are resolved."""
    if one.is_socket or other.is_socket:
        both = one.is_socket and other.is_socket
        return both and os.path.realpath(one.host) == os.path.realpath(other.host)
    names = {one.host, other.host}
    return one.port == other.port and (len(names) == 1 or names <= HERE)
