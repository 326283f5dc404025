"""Requests by the names under which this machine's own edge serves APIs: sent to its address.

A name need not be in DNS yet, and its certificate may be that of a proxy before the edge.
"""

from collections.abc import Callable, Collection
from functools import cached_property

import httpx2

from durward.core.api import Api


def names_of(apis: Collection[Api], port: int | None) -> frozenset[str]:
    """What the URLs of APIs name: their hosts, without a port or with the edge's, and audiences."""
    hosts = {host for api in apis for host in api.hosts}
    audiences = {httpx2.URL(api.audience).netloc.decode().lower() for api in apis}
    return frozenset({*hosts, *audiences, *(f"{host}:{port}" for host in hosts)})


class OwnEdge(httpx2.BaseTransport):
    """Sends requests for the edge's names to its address, with the name as their host."""

    def __init__(self, address: str, names: Callable[[], frozenset[str]]) -> None:
        """`address` is that of the edge; `names` are asked for once, where another is named."""
        self._edge = httpx2.URL(f"http://{address}")
        self._names_of = names
        self._network = httpx2.HTTPTransport()

    @cached_property
    def _names(self) -> frozenset[str]:
        return self._names_of()

    def serves(self, url: httpx2.URL) -> bool:
        """Whether a URL is one of this edge."""
        place = url.netloc.decode().lower()
        return place == self._edge.netloc.decode() or place in self._names

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        if self.serves(request.url):
            parts = {"scheme": "http", "host": self._edge.host, "port": self._edge.port}
            request.url = request.url.copy_with(**parts)
        return self._network.handle_request(request)

    def close(self) -> None:
        """Close all connections."""
        self._network.close()
