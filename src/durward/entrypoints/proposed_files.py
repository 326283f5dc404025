"""The files that `durward protect` proposes for an API, and their way into a folder.

Beside them is a record of what was proposed last. With that, a new proposal changes what the
document changed, and what people edited since stays; where both changed the same lines nothing is
written.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from durward.core.configuration.starter import VERSION, Starter, statement
from durward.core.errors import Misconfigured
from durward.core.openapi.proposal import ProposedOperation
from durward.core.wire import Json
from durward.entrypoints.files import MAX_FILE_BYTES, read_bytes
from durward.entrypoints.merged_text import MergeConflict, diff_lines, merged

RECORD_VERSION: Final = 1
HEAD: Final = """\
# Proposed by `durward protect`. Edit it: when the document changes, run the command again, and what
# you edited stays.
"""


@dataclass(frozen=True, slots=True)
class ProposedApi:
    """What is proposed for an API: where it is, its operations, what is not served."""

    name: str
    audience: str
    tenant: str
    """Which is declared here if it is called as the API."""
    upstream: str
    document: str
    """Its path from the folder of the declaration, as those of the overlays."""
    overlays: tuple[str, ...]
    hosts: tuple[str, ...]
    prefix: str | None
    """Where clients ask, if not as the document says."""
    base_path: str | None
    """Where the service serves the paths, if its URL has a path."""
    operations: tuple[ProposedOperation, ...]
    paths: tuple[str, ...]
    """Those of the operations, as the document has them."""
    removed: tuple[tuple[str, str], ...]
    """The targets of what cannot be read, and why."""
    starter: Starter

    @property
    def overlay(self) -> str:
        """The file of the overlay that is proposed."""
        return f"{self.name}.overlay.yaml"

    def files(self) -> dict[str, str]:
        """The texts of the files, by their names."""
        return {
            f"{self.name}.durward.yaml": "".join(f"{line}\n" for line in self._declaration()),
            self.overlay: "".join(f"{line}\n" for line in self._overlay()),
        }

    def _declaration(self) -> Iterator[str]:
        public = f"{self.name}-public"
        yield HEAD.rstrip("\n")
        if self.tenant == self.name:
            yield f"tenants: {{ {self.tenant}: {{}} }}"
        yield from ("apis:", f"  {self.name}:")
        yield from self._api(public)
        if self.starter.public or self.starter.roles:
            yield "policies:"
        if self.starter.public:
            yield "  # Everybody may ask for these, also without a token."
            actions = sorted(each.action for each in self.starter.public)
            yield from _policy(
                public, [{"Effect": "Allow", "Principal": "*", "Action": list[Json](actions)}]
            )
        for role in self.starter.roles:
            yield f"  # {role.why}"
            yield from _policy(role.name, [statement(self.name, role.operations)])
        if self.starter.roles:
            yield "# Nobody has a role until it is given: `roles` of users, groups, clients."
            yield "roles:"
        for role in self.starter.roles:
            yield f"  {role.name}: {{ policies: [{role.name}] }}"

    def _api(self, public: str) -> Iterator[str]:
        yield f"    audience: {yaml_string(self.audience)}"
        yield f"    upstream: {yaml_string(self.upstream)}"
        if self.hosts:
            yield f"    hosts: [{', '.join(map(yaml_string, self.hosts))}]"
        if self.prefix:
            yield f"    prefix: {yaml_string(self.prefix)}"
        if self.base_path:
            yield f"    base_path: {yaml_string(self.base_path)}"
        yield f"    openapi: {yaml_string(self.document)}"
        yield "    overlays:"
        yield from (f"      - {yaml_string(each)}" for each in (*self.overlays, self.overlay))
        if self.starter.public:
            yield f"    policies: [{public}]"

    def _overlay(self) -> Iterator[str]:
        yield HEAD.rstrip("\n")
        yield "overlay: 1.0.0"
        yield f'info: {{ title: {yaml_string(f"{self.name} behind Durward")}, version: "1" }}'
        yield f"extends: {yaml_string(self.document)}"
        yield "actions:"
        for target, why in self.removed:
            yield f"  # Not served: {why}"
            yield f"  - {{ target: {yaml_string(target)}, remove: true }}"
        for each, path in zip(self.operations, self.paths, strict=True):
            members = ", ".join(f"{k}: {yaml_string(v)}" for k, v in each.extension().items())
            target = yaml_string(target_of(path, each.operation.method.lower()))
            yield f"  - {{ target: {target}, update: {{ x-durward: {{ {members} }} }} }}"


def target_of(path: str, *below: str) -> str:
    """The JSONPath of a path of the document, or of a method of it (RFC 9535 §2.3.1)."""
    escaped = path.replace("\\", "\\\\").replace("'", "\\'")
    return "".join([f"$.paths['{escaped}']", *(f".{each}" for each in below)])


def yaml_string(text: str) -> str:
    """A text as YAML reads it, whatever is in it: as JSON writes it."""
    return json.dumps(text)


def _policy(name: str, listed: Sequence[Mapping[str, Json]]) -> Iterator[str]:
    yield f"  {name}:"
    yield f'    Version: "{VERSION}"'
    yield "    Statement:"
    for each in listed:
        sign = "-"
        for member, value in each.items():
            if isinstance(value, list):
                yield f"      {sign} {member}:"
                yield from (f"          - {yaml_string(str(action))}" for action in value)
            else:
                yield f"      {sign} {member}: {yaml_string(str(value))}"
            sign = " "


@dataclass(frozen=True, slots=True)
class Change:
    """A file as it is and as it will be."""

    path: Path
    before: str
    after: str

    @property
    def lines(self) -> list[str]:
        """The difference, as a unified diff."""
        return diff_lines(self.before, self.after, str(self.path))


def changes_in(folder: Path, api: ProposedApi, *, keep: bool) -> list[Change]:
    """How the files of a folder change by a proposal; with `keep` they stay as they are.

    Raises Misconfigured where what people edited is in the way: nothing of that is overwritten.
    """
    former = _former(folder, api.name)
    if keep:
        paths = [folder / name for name in former]
        return [Change(path, _text(path), _text(path)) for path in paths if path.exists()]
    found = []
    for name, text in api.files().items():
        path = folder / name
        before = _text(path)
        if not path.exists() and name in former:
            raise Misconfigured(
                str(path), "was removed", hint=f"remove {_record(folder, api.name)} to begin anew"
            )
        if path.exists() and name not in former and before != text:
            told = "\n  ".join(
                ["exists, and `protect` did not write it", *diff_lines(before, text, name)]
            )
            raise Misconfigured(str(path), told, hint="choose another --name, or move it away")
        try:
            after = merged(former.get(name, ""), before, text) if before else text
            found.append(Change(path, before, after))
        except MergeConflict as conflict:
            lines = diff_lines(former[name], text, name)
            told = "\n  ".join(["was edited where the new proposal differs:", *lines])
            hint = "make these changes by hand; `--keep` then takes the files as they are"
            raise Misconfigured(f"{path}:{conflict.line}", told, hint=hint) from conflict
    return found


def write_proposal(folder: Path, api: ProposedApi, changes: Sequence[Change]) -> None:
    """Write the files, and last the record of this proposal. Raises Misconfigured."""
    record = {"version": RECORD_VERSION, "files": api.files()}
    for path, text in (
        *((each.path, each.after) for each in changes if each.before != each.after),
        (_record(folder, api.name), json.dumps(record, indent=1) + "\n"),
    ):
        part = path.with_name(f".{path.name}.part")
        try:
            part.write_text(text, encoding="utf-8")
            part.replace(path)
        except OSError as error:
            raise Misconfigured(str(path), error.strerror or "cannot be written") from error


def _record(folder: Path, name: str) -> Path:
    return folder / f".{name}.protect.json"


def _former(folder: Path, name: str) -> dict[str, str]:
    """What was proposed last; nothing where it is the first time. Raises Misconfigured."""
    path = _record(folder, name)
    if not path.exists():
        return {}
    try:
        record = json.loads(_text(path))
        files = record["files"] if record["version"] == RECORD_VERSION else None
    except (ValueError, KeyError, TypeError):
        files = None
    if not isinstance(files, dict) or not all(isinstance(each, str) for each in files.values()):
        raise Misconfigured(str(path), "is no record of `protect`", hint="remove it to begin anew")
    return files


def _text(path: Path) -> str:
    if not path.exists():
        return ""
    try:
        return read_bytes(path, 4 * MAX_FILE_BYTES).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Misconfigured(str(path), "not UTF-8") from error
