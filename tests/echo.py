"""A service that answers with what reached it, on a Unix socket or at an address."""

import contextlib
import json
import socket
import socketserver
import ssl
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import ClassVar

from tests.certificates import Issued


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: ClassVar[list[str]] = []
    """The path of every request, of all servers."""

    def do_GET(self) -> None:
        self.served.append(self.path)
        length = int(self.headers.get("content-length", 0))
        seen = {
            "path": self.path,
            "method": self.command,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": self.rfile.read(length).decode(),
        }
        answer = json.dumps(seen).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET  # noqa: N815 - the name that http.server calls

    def log_message(self, *_: object) -> None:
        pass


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class AddressServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class SixServer(AddressServer):
    address_family = socket.AF_INET6


class TlsServer(AddressServer):
    def handle_error(self, *_: object) -> None:
        """A client that refuses the certificate is no news."""


@contextlib.contextmanager
def echo(path: Path) -> Iterator[None]:
    with serving(Server(str(path), Echo)):
        yield


@contextlib.contextmanager
def echo_at(host: str, port: int = 0) -> Iterator[int]:
    """The same at an IP address; the port is yielded."""
    server = (SixServer if ":" in host else AddressServer)((host, port), Echo)
    with serving(server):
        yield server.server_address[1]


@contextlib.contextmanager
def echo_over_tls(issued: Issued, port: int = 0) -> Iterator[int]:
    """The same over TLS, at 127.0.0.1; the port is yielded."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(issued.certificate + issued.key)
        file.flush()
        context.load_cert_chain(file.name)
    server = TlsServer(("127.0.0.1", port), Echo)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    with serving(server):
        yield server.server_address[1]


@contextlib.contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
