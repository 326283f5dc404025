"""The settings of the control plane and of the edge."""

import json
from pathlib import Path

from durward.entrypoints.demo.instance import APIS_OFFSET, ISSUER_OFFSET, DemoInstance


def write_configuration(place: DemoInstance, runtime: Path) -> None:
    """Write one file for all."""
    folder = place.folder.resolve()
    (folder / "edge").mkdir(parents=True, exist_ok=True)
    parts: dict[str, dict[str, str | int]] = {
        "serve": {
            "issuer": place.issuer,
            "runtime": str(runtime),
            "state": str(folder / "serve"),
        },
        "mail": {
            "sender": "accounts@login.example",
            "folder": str(folder / "mails"),
        },
        "edge": {
            "apis": f"127.0.0.1:{place.base_port + APIS_OFFSET}",
            "issuer": f"127.0.0.1:{place.base_port + ISSUER_OFFSET}",
            "control_plane": str(runtime),
            "decision_points": 1,
            "workers": 1,
            "snapshot_key": str(folder / "serve" / "snapshot.jwk"),
            "runtime": str(runtime),
            "state": str(folder / "edge"),
        },
    }
    if place.tls:
        certificate, key = (str(path.resolve()) for path in place.ca.server)
        parts["edge.tls"] = {"certificate": certificate, "key": key}
    lines = []
    for part, settings in parts.items():
        lines += [f"[{part}]", *(f"{n} = {json.dumps(v)}" for n, v in settings.items()), ""]
    (folder / "durward.toml").write_text("\n".join(lines))
