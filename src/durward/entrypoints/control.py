"""The client of the admin API, over the control socket in the runtime folder."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2

from durward.core.configuration.declaration import Declaration
from durward.core.errors import Conflict, Misconfigured, Unavailable
from durward.entrypoints.command import DEMO_DIR, durward
from durward.entrypoints.outcome import Interrupted, Unsettled
from durward.settings import Settings, load_settings

PATIENCE_SECONDS = 60
CHANGE_PATIENCE_SECONDS = 600
"""The largest configuration is checked in ten seconds on an idle machine."""


LEFT_TO_APPLY = "`durward plan` shows what is left to apply"


class NotRunning(Unavailable):
    """No process listens on the socket or port of a demo, or of another Durward."""

    def __init__(self, what: str, folder: Path) -> None:
        super().__init__(what)
        self.hint = f"start a demo there: {durward('demo', folder)}"


class StaleRevision(Conflict):
    """The resource was changed since it was read; nothing was changed now."""


class Control:
    """The admin API. Every call raises Unavailable, Misconfigured or Conflict.

    A change raises Unsettled or Interrupted too, and only these where it may have been made.
    """

    def __init__(self, runtime: Path, folder: Path = DEMO_DIR) -> None:
        self.socket = runtime / "control.sock"
        self.folder = folder

    def get(self, path: str, **parameters: Any) -> Any:
        """Load a JSON resource."""
        return self._send("GET", path, params=parameters).json()

    def text(self, path: str) -> str:
        """Load a text resource."""
        return str(self._send("GET", path).text)

    def ask(self, path: str, body: object, patience: float = PATIENCE_SECONDS) -> Any:
        """Send a POST request that changes nothing."""
        return self._send("POST", path, json=body, timeout=patience).json()

    def post(self, path: str, body: object, left: str, patience: float = PATIENCE_SECONDS) -> Any:
        """Send a change; `left` is the hint if it is not known whether the change was made."""
        try:
            return self._send("POST", path, left, json=body, timeout=patience).json()
        except KeyboardInterrupt:
            raise Interrupted("it is not known whether it was done", left) from None

    def tagged(self, path: str) -> tuple[Any, str]:
        """Read a resource and its entity tag."""
        reply = self._send("GET", path)
        return reply.json(), reply.headers["etag"]

    def put(self, path: str, body: object, left: str, *, tag: str = "", method: str = "PUT") -> Any:
        """Replace or delete a resource, if it still has this entity tag.

        Raises StaleRevision too.
        """
        content: dict[str, Any] = {"headers": {"if-match": tag}} if tag else {}
        content |= {"timeout": CHANGE_PATIENCE_SECONDS} | ({"json": body} if body else {})
        try:
            return self._send(method, path, left, **content).json()
        except KeyboardInterrupt:
            raise Interrupted("it is not known whether it was done", left) from None

    def plan(
        self, wanted: Sequence[Declaration], *, prune: bool, version: int | None = None
    ) -> Any:
        """The changes that `apply` would make with declarations, or those of a version."""
        body = declarations_body(wanted, prune=prune, version=version)
        return self.ask("/admin/v1/plan", body, CHANGE_PATIENCE_SECONDS)

    def apply(
        self, wanted: Sequence[Declaration], *, prune: bool, version: int | None = None
    ) -> Any:
        """Apply declarations, or those of a version."""
        body = declarations_body(wanted, prune=prune, version=version)
        return self.post("/admin/v1/apply", body, LEFT_TO_APPLY, CHANGE_PATIENCE_SECONDS)

    def _send(
        self, method: str, path: str, left: str | None = None, **content: Any
    ) -> httpx2.Response:
        with self._client() as client:
            try:
                reply = client.request(method, f"http://durward{path}", **content)
            except UnicodeEncodeError as error:
                raise Misconfigured("arguments", "not valid UTF-8") from error
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                problem = f"the control plane that listened on {self.socket} has ended"
                raise NotRunning(problem, self.folder) from error
            except httpx2.HTTPError as error:
                problem = f"the control plane does not answer: {error}"
                raise (Unsettled(problem, left) if left else Unavailable(problem)) from error
        if reply.is_success:
            return reply
        told = described(reply)
        if left and (reply.status_code == httpx2.codes.INTERNAL_SERVER_ERROR or told["unsettled"]):
            raise Unsettled(told["title"], left)
        match reply.status_code:
            case 409:
                raise Conflict(told["title"], hint=told["hint"])
            case 412:
                raise StaleRevision(told["title"], hint=told["hint"])
            case 500 | 503:
                raise Unavailable(told["title"])
            case _:
                where, _, problem = told["title"].partition(": ")
                raise Misconfigured(where, problem or "refused", hint=told.get("hint", ""))

    @contextlib.contextmanager
    def _client(self) -> Iterator[httpx2.Client]:
        if not self.socket.exists():
            problem = f"no control plane listens on {self.socket}: is `serve` running?"
            raise NotRunning(problem, self.folder)
        transport = httpx2.HTTPTransport(uds=str(self.socket), verify=False)
        with httpx2.Client(transport=transport, timeout=PATIENCE_SECONDS, trust_env=False) as it:
            yield it


def declarations_body(
    wanted: Sequence[Declaration], *, prune: bool, version: int | None
) -> dict[str, object]:
    """The body of a request to plan or apply."""
    listed = [
        {"kind": found.kind.value, "name": found.name, "body": found.body} for found in wanted
    ]
    return {"declarations": listed, "prune": prune, "version": version}


def described(reply: httpx2.Response) -> dict[str, Any]:
    """The problem document of a refusal (RFC 9457)."""
    try:
        found = reply.json()
    except ValueError:
        found = {}
    usual = {
        "title": f"the control plane answers {reply.status_code}",
        "hint": "",
        "unsettled": False,
    }
    return {**usual, **found}


def path_of(*segments: str) -> str:
    """The path of a named resource; a name from the command line stays one segment."""
    return "/admin/v1/" + "/".join(
        quote(segment, safe="", errors="surrogateescape") for segment in segments
    )


def settings_in(folder: Path) -> Settings:
    """The settings of a folder, such as the demo's. Raises Misconfigured."""
    start = durward("demo", folder)
    hint = f"start a demo there ({start}), or name the folder of durward.toml: --dir DIR"
    return load_settings(folder / "durward.toml", hint)


def control_of(folder: Path) -> Control:
    """The control plane of the settings in a folder. Raises Misconfigured."""
    settings = settings_in(folder).serve
    if settings is None:
        raise Misconfigured(str(folder / "durward.toml"), "has no section [serve]")
    return Control(Path(settings.runtime), folder)
