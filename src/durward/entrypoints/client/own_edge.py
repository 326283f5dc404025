"""Requests by the names under which this machine's own edge serves APIs: sent to its address.

A name need not be in DNS yet. Over TLS the edge has to show the certificate of its settings.
"""

from collections.abc import Callable, Collection
from functools import cached_property

import httpx2

from durward.core.address import is_ip
from durward.core.api import Api
from durward.core.edge.node import Tls
from durward.entrypoints.client.trusted import everyone, own_certificate


def names_of(apis: Collection[Api], port: int | None) -> frozenset[str]:
    """What the URLs of APIs name: their hosts, without a port or with the edge's, and audiences."""
    hosts = {host for api in apis for host in api.hosts}
    audiences = {httpx2.URL(api.audience).netloc.decode().lower() for api in apis}
    return frozenset({*hosts, *audiences, *(f"{host}:{port}" for host in hosts)})


class OwnEdge(httpx2.BaseTransport):
    """Sends requests for the edge's names to its address, with the name as their host."""

    def __init__(
        self, address: str, names: Callable[[], frozenset[str]], tls: Tls | None = None
    ) -> None:
        """`address` is that of the edge; `names` are asked for once, where another is named."""
        self._edge = httpx2.URL(f"{'https' if tls else 'http'}://{address}")
        self._names_of, self._tls = names, tls

    @cached_property
    def _network(self) -> httpx2.HTTPTransport:
        return httpx2.HTTPTransport(verify=everyone(self._tls))

    @cached_property
    def _own(self) -> httpx2.HTTPTransport:
        return (
            httpx2.HTTPTransport(verify=own_certificate(self._tls)) if self._tls else self._network
        )

    @property
    def scheme(self) -> str:
        """`http`, or `https` where the edge speaks TLS."""
        return self._edge.scheme

    @property
    def url(self) -> str:
        """The URL of the edge, without a path."""
        return str(self._edge).rstrip("/")

    @cached_property
    def _names(self) -> frozenset[str]:
        return self._names_of()

    def serves(self, url: httpx2.URL) -> bool:
        """Whether a URL is one of this edge."""
        place = url.netloc.decode().lower()
        return place == self._edge.netloc.decode() or place in self._names

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        if not self.serves(request.url):
            return self._network.handle_request(request)
        if not is_ip(request.url.host):
            request.extensions = {**request.extensions, "sni_hostname": request.url.host}
        parts = {"scheme": self._edge.scheme, "host": self._edge.host, "port": self._edge.port}
        request.url = request.url.copy_with(**parts)
        return self._own.handle_request(request)

    def close(self) -> None:
        """Close all connections."""
        for used in {"_network", "_own"} & vars(self).keys():
            getattr(self, used).close()
