"""Where one demo lives: its folder and its ports."""

from dataclasses import dataclass
from pathlib import Path

from durward.core.address import MAX_PORT

ISSUER_OFFSET, APIS_OFFSET, APP_OFFSET = 0, 10, 20
MAX_BASE_PORT = MAX_PORT - APP_OFFSET


@dataclass(frozen=True)
class DemoInstance:
    """Where one demo lives: its folder and its ports."""

    folder: Path
    base_port: int

    @property
    def issuer(self) -> str:
        """The issuer: by name, so that its cookies never reach the APIs' address."""
        return f"http://localhost:{self.base_port + ISSUER_OFFSET}"

    @property
    def apis(self) -> str:
        """The protected APIs."""
        return f"http://127.0.0.1:{self.base_port + APIS_OFFSET}"

    @property
    def app(self) -> str:
        """The sample web application."""
        return f"http://127.0.0.1:{self.base_port + APP_OFFSET}"

    @property
    def orders(self) -> Path:
        """What the sample declares: written once, then its user's."""
        return self.folder / "orders"

    @property
    def seeded(self) -> Path:
        """What the last start declared, in short; it goes with the database."""
        return self.folder / "serve" / "seeded.json"

    def addresses(self, runtime: Path) -> tuple[str, ...]:
        """What the sample's declarations name of this place."""
        return (self.apis, self.app, f"unix:{runtime}/orders.sock")
