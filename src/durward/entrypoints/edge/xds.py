"""Envoy's resource files: validated, renamed into place, confirmed, or rolled back."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from durward.core.edge.envoy.resources import RenderedConfiguration
from durward.core.errors import Misconfigured, Unavailable
from durward.core.wire import JsonLike, compact_json
from durward.services.envoy_check import complaint

CONFIRM_WITHIN_SECONDS = 10.0
BYTES_A_SECOND = 500_000
"""The least speed at which Envoy loads a file on a busy machine; it adds to the time limit."""
POLL_SECONDS = 0.01

Versions = Callable[[], Awaitable[Mapping[str, str]]]
"""The version of each resource that Envoy runs, as it reports."""

Canary = Callable[[], Awaitable[str | None]]
"""Sends requests that must be refused; returns one that was not, if any."""


@dataclass(frozen=True)
class RenderedFile:
    """The content of a file, and the version by which Envoy reports it."""

    data: bytes
    version: str

    @classmethod
    def of(cls, content: Any) -> Self:
        """A resource file."""
        return cls(compact_json(content), str(content["version_info"]))


@dataclass(frozen=True)
class ResourceFiles:
    """The folder of resource files that one Envoy watches."""

    folder: Path
    envoy: Path

    def write_first(self, rendered: RenderedConfiguration, revoked: Mapping[str, JsonLike]) -> None:
        """Write every file before Envoy starts, since it exits if one is missing.

        A configuration that this Envoy has run before is not validated again, which could take
        seconds. Raises Misconfigured or Unavailable.
        """
        if not self._was_taken(rendered):
            self.validate(rendered)
        for name, content in {**rendered.files, **revoked}.items():
            replace(self._path(name), compact_json(content))
        self._start(rendered.bootstrap, "bootstrap")

    def validate(self, candidate: RenderedConfiguration) -> None:
        """Let Envoy itself validate a candidate.

        Raises Misconfigured with its complaint, Unavailable if it cannot run.
        """
        if told := complaint(self.envoy, self._start(candidate.whole, "candidate")):
            raise Misconfigured("edge", f"Envoy refuses the configuration: {told}")

    def remember(self, rendered: RenderedConfiguration) -> None:
        """Record that this Envoy runs a configuration. Raises Unavailable."""
        replace(self._taken, self._mark(rendered))

    async def push(
        self,
        rendered: RenderedConfiguration,
        changed: Callable[[], RenderedConfiguration],
        versions: Versions,
        canary: Canary,
    ) -> None:
        """Replace the files, wait for Envoy, and send canaries; on failure restore the old files.

        Envoy validates only what `changed` beforehand, since all of it would take seconds. Raises
        Misconfigured or Unavailable; no change is left half done.
        """
        before = {name: self._path(name).read_bytes() for name in rendered.files}
        after = {name: RenderedFile.of(content) for name, content in rendered.files.items()}
        if before == {name: content.data for name, content in after.items()}:
            # For example only policies changed: they do not concern Envoy, if it runs the files.
            await self._put(after, versions)
            return
        await asyncio.to_thread(lambda: self.validate(changed()))
        try:
            await self._put(after, versions)
            passed = await canary()
        except Unavailable:
            await self._put_back(before, versions)
            raise
        if passed:
            await self._put_back(before, versions)
            raise Misconfigured(
                "edge", f"{passed} was not refused; the former configuration is back"
            )
        self.remember(rendered)

    async def put_revoked(self, files: Mapping[str, JsonLike], versions: Versions) -> None:
        """Replace the revocation maps: their form is fixed, so they are not validated first.

        Raises Unavailable.
        """
        await self._put(
            {name: RenderedFile.of(content) for name, content in files.items()}, versions
        )

    def write_secrets(self, files: Mapping[str, JsonLike]) -> None:
        """Write resources with private keys, for this user alone. Raises Unavailable."""
        for name, content in files.items():
            replace(self._path(name), compact_json(content), mode=0o600)

    def forget_secrets(self, names: Iterable[str]) -> None:
        """Remove what no listener shows any more: a key is kept where it is needed alone."""
        for name in names:
            self._path(name).unlink(missing_ok=True)

    def read_secret(self, name: str) -> Any:
        """A resource with a private key as it was written last; None if there is none."""
        try:
            return json.loads(self._path(name).read_bytes())
        except (OSError, ValueError):
            return None

    async def _put(self, contents: Mapping[str, RenderedFile], versions: Versions) -> None:
        """Write files in order, each confirmed by Envoy, even if the content on disk is equal.

        Envoy may never have loaded the file on disk: a rename makes it read the file again. Raises
        Unavailable.
        """
        running: Mapping[str, str] | None = None
        for name, content in contents.items():
            if self._holds(name, content):
                running = await versions() if running is None else running
                if running.get(name) == content.version:
                    continue
            replace(self._path(name), content.data)
            within = CONFIRM_WITHIN_SECONDS + len(content.data) / BYTES_A_SECOND
            await confirm(name, content.version, versions, within)

    async def _put_back(self, contents: Mapping[str, bytes], versions: Versions) -> None:
        """Restore every file; after one that Envoy does not confirm, the others are only written.

        Raises Unavailable.
        """
        failed: Unavailable | None = None
        for name, data in contents.items():
            content = RenderedFile(data, json.loads(data)["version_info"])
            try:
                if failed is None:
                    await self._put({name: content}, versions)
                elif not self._holds(name, content):
                    replace(self._path(name), data)
            except Unavailable as error:
                failed = failed or error
        if failed:
            raise failed

    def _holds(self, name: str, content: RenderedFile) -> bool:
        try:
            return self._path(name).read_bytes() == content.data
        except OSError:
            return False

    def _was_taken(self, rendered: RenderedConfiguration) -> bool:
        try:
            return self._taken.read_bytes() == self._mark(rendered)
        except OSError:
            return False

    @property
    def _taken(self) -> Path:
        return self.folder / "taken"

    def _mark(self, rendered: RenderedConfiguration) -> bytes:
        """A digest of the Envoy binary and the version of each resource."""
        binary = self.envoy.stat()
        versions = {name: content["version_info"] for name, content in rendered.files.items()}
        return compact_json(
            {"envoy": [str(self.envoy), binary.st_size, binary.st_mtime_ns], **versions}
        )

    def _path(self, name: str) -> Path:
        return self.folder / name / f"{name}.json"

    def _start(self, content: JsonLike, name: str) -> Path:
        path = self.folder / f"{name}.json"
        replace(path, compact_json(content))
        return path


async def confirm(name: str, version: str, versions: Versions, within: float) -> None:
    """Wait until Envoy runs this version, for at most `within` seconds. Raises Unavailable."""
    try:
        async with asyncio.timeout(within):
            while (await versions()).get(name) != version:  # noqa: ASYNC110 - Envoy sends no event
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise Unavailable(f"Envoy did not take the new {name}") from None


def replace(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Replace a file atomically: write a temporary file, sync, rename.

    The umask counts against `mode`. Raises Unavailable, for example if the disk is full; the former
    file stays then.
    """
    fresh = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.unlink(missing_ok=True)  # it would keep the mode that it had
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(path)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}") from error
