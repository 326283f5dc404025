"""What is declared when a demo starts, and the secrets that come of it."""

from pathlib import Path

from durward.core.estate.declaration import Kind
from durward.faces.control import Control, path_of
from durward.faces.credentials import add_credentials, check_credentials, read_credentials
from durward.faces.declarations import read_declarations
from durward.faces.demo.place import Place


def seed(place: Place, runtime: Path) -> None:
    """Declare the sample, as `durward apply` would; its secrets go into the credentials file."""
    control, kept = Control(runtime), place.folder / "credentials"
    wanted = read_declarations(place.orders / "durward.yaml")
    check_credentials(kept)
    add_credentials(kept, control.apply(wanted, prune=False)["secrets"], "clients")
    known, there = read_credentials(kept).get("users", {}), control.get("/admin/v1/users")["users"]
    people = [found.name for found in wanted if found.kind is Kind.USER]
    fresh = {
        name: control.post(path_of("users", name, "password"), {}, "start it again")["password"]
        for name in people
        if name not in known or not there[name]["password"]
    }
    add_credentials(kept, fresh, "users")
