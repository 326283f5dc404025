"""The place of one demo: its folder and its ports."""

from dataclasses import dataclass
from pathlib import Path

from durward.core.address import MAX_PORT
from durward.entrypoints.demo.development_ca import DevelopmentCa

ISSUER_OFFSET, APIS_OFFSET, APP_OFFSET, MAILS_OFFSET = 0, 10, 20, 30
MAX_BASE_PORT = MAX_PORT - MAILS_OFFSET


@dataclass(frozen=True)
class DemoInstance:
    """The place of one demo: its folder and its ports."""

    folder: Path
    base_port: int
    tls: bool = False

    @property
    def issuer(self) -> str:
        """The issuer: by name, so that its cookies never reach the APIs' address."""
        return f"{self._scheme}://localhost:{self.base_port + ISSUER_OFFSET}"

    @property
    def apis(self) -> str:
        """The protected APIs."""
        return f"{self._scheme}://127.0.0.1:{self.base_port + APIS_OFFSET}"

    @property
    def _scheme(self) -> str:
        return "https" if self.tls else "http"

    @property
    def ca(self) -> DevelopmentCa:
        """The CA of the issuer and the APIs, where they speak TLS."""
        return DevelopmentCa(self.folder / "tls")

    @property
    def app(self) -> str:
        """The sample web application."""
        return f"http://127.0.0.1:{self.base_port + APP_OFFSET}"

    @property
    def mails(self) -> str:
        """The page with the mails to people."""
        return f"http://127.0.0.1:{self.base_port + MAILS_OFFSET}"

    @property
    def mail_folder(self) -> Path:
        """The mails, as files."""
        return self.folder / "mails"

    @property
    def orders(self) -> Path:
        """The declarations of the sample: written once, then they belong to the user."""
        return self.folder / "orders"

    @property
    def seeded(self) -> Path:
        """The digests of the declarations of the last start; removed with the database."""
        return self.folder / "serve" / "seeded.json"

    def addresses(self, runtime: Path) -> tuple[str, ...]:
        """The addresses of this place in the sample's declarations."""
        return (self.apis, self.app, f"unix:{runtime}/orders.sock")
