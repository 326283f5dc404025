"""Certificates of the listeners: read from their files, checked, and read again when they change.

Certbot replaces symbolic links, Kubernetes one that leads to the whole folder (`..data`), others
the files themselves: so what is compared is the content at the end of all links. Certificate and
key change one after the other; what does not fit a moment later as well is told.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from durward import clock
from durward.core.certificates import MAX_CHARACTERS, normalize_certificates
from durward.core.edge.envoy.client_tls import (
    CLIENT_CAS,
    ISSUER_SERVER,
    SERVER,
    client_cas_secret,
    server_secret,
)
from durward.core.edge.envoy.types import Config
from durward.core.edge.node import Node, Tls
from durward.core.edge.report import MAX_TOLD
from durward.core.edge.server_certificate import (
    ServerCertificate,
    read_server_certificate,
    uncovered,
)
from durward.core.edge.snapshot import Snapshot
from durward.core.errors import DurwardError, Misconfigured
from durward.core.host import host_of_url
from durward.entrypoints.edge.handshake import can_be_named
from durward.entrypoints.edge.xds import ResourceFiles

EVERY_SECONDS = 1.0
"""How often the files are looked at."""

Put = Callable[[str, Config, ServerCertificate | None], Awaitable[None]]
"""Puts a resource in force, and proves it. Raises DurwardError, and the former one stays."""


@dataclass
class Watched:
    """The files of one resource, and what came of them."""

    member: str
    paths: tuple[Path, ...]
    seen: bytes = b""
    """The digest of what was read last, good or not."""
    certificate: ServerCertificate | None = None
    """The one in force."""
    problem: str = ""
    """Why the content of the files is not in force."""
    waits: bool = False
    """Whether the files were broken at the last look, and may be whole at the next."""


class TlsFiles:
    """The certificates of a node's listeners, and the CAs of its clients."""

    def __init__(self, tls: Tls, files: ResourceFiles) -> None:
        self._files = files
        self._watched = {SERVER: Watched("edge.tls.certificate", _paths(tls.certificate, tls.key))}
        if tls.issuer_certificate and tls.issuer_key:
            paths = _paths(tls.issuer_certificate, tls.issuer_key)
            self._watched[ISSUER_SERVER] = Watched("edge.tls.issuer_certificate", paths)
        if tls.client_ca:
            self._watched[CLIENT_CAS] = Watched("edge.tls.client_ca", _paths(tls.client_ca))

    def write_first(self) -> Iterator[str]:
        """Write what Envoy starts with, and tell what is wrong.

        If the files are broken, what was in force last stays, while it is valid. Raises
        Misconfigured if there is nothing to start with, or Unavailable.
        """
        for name, watched in self._watched.items():
            try:
                content, watched.certificate = _read(name, watched)
            except Misconfigured as error:
                if not self._has_former(name, watched):
                    raise
                watched.problem = _kept(error)
                yield watched.problem
            else:
                self._files.write_secrets({name: content})

    def certificate(self, *, of_issuer: bool = False) -> ServerCertificate | None:
        """The certificate in force at a listener."""
        own = self._watched.get(ISSUER_SERVER) if of_issuer else None
        return (own or self._watched[SERVER]).certificate

    def in_force(self) -> Iterator[tuple[str, ServerCertificate]]:
        """The certificates that listeners show, by their resources."""
        for name, watched in self._watched.items():
            if watched.certificate:
                yield name, watched.certificate

    @property
    def names(self) -> set[str]:
        """The resources that the listeners name."""
        return set(self._watched)

    def misfits(self, snapshot: Snapshot, node: Node) -> list[str]:
        """Hosts that clients do not reach, or whose connection they refuse."""
        found, issuer = [], snapshot.issuer if node.issuer else ""
        shown, of_issuer = self.certificate(), self.certificate(of_issuer=True)
        if issuer.startswith("http:"):
            found.append(f"the issuer is {issuer}, and its listener speaks TLS alone")
        elif issuer and of_issuer:
            found += _not_valid("issuer", uncovered(of_issuer, [host_of_url(issuer)]))
        if issuer and node.is_shared and not can_be_named(host_of_url(issuer)):
            found.append(
                f"the issuer {issuer} is not reached at the address of the APIs: nobody names an "
                "IP address in a handshake; give it a host name"
            )
        if shown:
            hosts = {host for api in snapshot.apis for host in api.hosts}
            found += _not_valid("APIs", uncovered(shown, hosts))
        return found

    def warnings(self) -> list[str]:
        """What an operator has to do: files that are broken, certificates that end soon."""
        found = []
        for watched in self._watched.values():
            ends = watched.certificate.overdue(clock.now()) if watched.certificate else ""
            found += [f"{watched.member}: {ends}"] if ends else []
            found += [watched.problem] if watched.problem else []
        return found

    async def follow(self, put: Put, report: Callable[[str], None]) -> None:
        """Look at the files for ever, and tell what comes of it."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            for told in await self.look(put):
                report(told)

    async def look(self, put: Put) -> list[str]:
        """Put each change in force by `put`; return what is new, also what stays out of force."""
        found = []
        for name, watched in self._watched.items():
            former = watched.problem, watched.certificate
            await self._look(name, watched, put)
            if watched.problem and watched.problem != former[0]:
                found.append(watched.problem)
            elif (watched.problem, watched.certificate) != former:
                found.append(f"{watched.member}: the content of its files is in force")
        return found

    async def _look(self, name: str, watched: Watched, put: Put) -> None:
        try:
            if not watched.waits and _digest(_texts(watched)) == watched.seen:
                return
            content, certificate = _read(name, watched)
        except Misconfigured as error:
            watched.seen = b""  # what comes back as it was is looked at again
            # The other file of a pair may be on its way: told if it is so at the next look.
            if watched.waits:
                watched.problem = _kept(error)
            watched.waits = not watched.waits
            return
        watched.waits = False
        try:
            await put(name, content, certificate)
        except DurwardError as error:
            watched.seen = b""  # tried again
            watched.problem = _kept(Misconfigured(watched.member, str(error)))
        else:
            watched.problem, watched.certificate = "", certificate

    def _has_former(self, name: str, watched: Watched) -> bool:
        """Whether what was in force last can be again."""
        found = self._files.read_secret(name)
        if name == CLIENT_CAS:
            return found is not None
        try:
            pair = found["resources"][0]["tls_certificate"]
            watched.certificate = read_server_certificate(
                pair["certificate_chain"]["inline_string"].encode(),
                pair["private_key"]["inline_string"].encode(),
                watched.member,
                clock.now(),
            )
        except (Misconfigured, TypeError, KeyError, IndexError, AttributeError):
            return False
        return True


def _read(name: str, watched: Watched) -> tuple[Config, ServerCertificate | None]:
    """Read and check the files of a resource. Raises Misconfigured."""
    texts = _texts(watched)
    watched.seen = _digest(texts)
    if name == CLIENT_CAS:
        text = texts[0].decode(errors="replace")
        return client_cas_secret(normalize_certificates(text, watched.member)), None
    found = read_server_certificate(texts[0], texts[-1], watched.member, clock.now())
    return server_secret(name, found), found


def _not_valid(of: str, hosts: Sequence[str]) -> Iterator[str]:
    """That a certificate is not valid for hosts, the first of many named; nothing for none."""
    if hosts:
        others = f" and {len(hosts) - MAX_TOLD} more" if len(hosts) > MAX_TOLD else ""
        told = ", ".join(f"`{host}`" for host in hosts[:MAX_TOLD])
        yield f"the certificate of the {of} is not valid for {told}{others}"


def _paths(*files: str) -> tuple[Path, ...]:
    return tuple(map(Path, files))


def _texts(watched: Watched) -> list[bytes]:
    """The content of the files, read through all links. Raises Misconfigured."""
    return [_bytes(path, watched.member) for path in watched.paths]


def _bytes(path: Path, member: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_CHARACTERS + 1)  # more is refused by who parses it
    except OSError as error:
        hint = "the user of this process has to read it, and each folder above it"
        problem = f"`{path}`: {error.strerror or 'cannot be read'}"
        raise Misconfigured(member, problem, hint=hint) from error


def _digest(texts: Iterable[bytes]) -> bytes:
    return hashlib.sha256(b"".join(hashlib.sha256(each).digest() for each in texts)).digest()


def _kept(error: Misconfigured) -> str:
    hint = f" (hint: {error.hint})" if error.hint else ""
    return f"{error}; the former one stays in force{hint}"
