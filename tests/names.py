"""A name server that knows what a test says (RFC 1035 §4.1), on loopback."""

import contextlib
import ipaddress
import socketserver
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

HEADER = 12
KINDS = {1: 4, 28: 6}
RESPONSE, NO_SUCH_NAME = 0x8180, 3


@dataclass
class Names:
    """The addresses of each name; `silent` names get no answer at all."""

    port: int
    addresses: dict[str, tuple[str, ...]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def answer(self, query: bytes) -> bytes | None:
        labels, end = [], HEADER
        while length := query[end]:
            labels.append(query[end + 1 : end + 1 + length].decode())
            end += 1 + length
        name = ".".join(labels).lower()
        self.asked.append(name)
        if name in self.silent:
            return None
        (kind,) = struct.unpack_from("!H", query, end + 1)
        known = self.addresses.get(name)
        found = [ipaddress.ip_address(address) for address in known or ()]
        records = [
            struct.pack("!HHHIH", 0xC00C, kind, 1, 1, len(address.packed)) + address.packed
            for address in found
            if address.version == KINDS.get(kind)
        ]
        flags = RESPONSE | (NO_SUCH_NAME if known is None else 0)
        counts = struct.pack("!HHHHH", flags, 1, len(records), 0, 0)
        return query[:2] + counts + query[HEADER : end + 5] + b"".join(records)


@contextlib.contextmanager
def name_server() -> Iterator[Names]:
    class Asked(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            query, reply_to = self.request
            if reply := names.answer(query):
                reply_to.sendto(reply, self.client_address)

    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), Asked) as server:
        names = Names(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield names
        finally:
            server.shutdown()
            thread.join()
