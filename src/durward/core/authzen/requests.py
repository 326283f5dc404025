"""The requests of enforcement points, parsed from JSON (Authorization API 1.0 §5, §6, §8).

Unknown members are ignored, as the specification requires; a missing member or one of another type
is a ProtocolError, answered by 400.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from durward.core.errors import ErrorCode, ProtocolError
from durward.core.wire import Json, parse_json

MAX_BODY_BYTES: Final = 262_144
MAX_EVALUATIONS: Final = 100
MAX_RESULTS: Final = 1_000
USUAL_RESULTS: Final = 100
INHERITED: Final = ("subject", "action", "resource", "context")

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=1_024)]
Properties = dict[str, Any]
T = TypeVar("T")


class Entity(msgspec.Struct, frozen=True):
    """A subject or a resource."""

    type: Name
    id: Name
    properties: Properties = {}


class EntityType(msgspec.Struct, frozen=True):
    """The type of the entities that are searched for; an id is ignored."""

    type: Name
    properties: Properties = {}


class Action(msgspec.Struct, frozen=True):
    """The action of a request."""

    name: Name
    properties: Properties = {}


class Evaluation(msgspec.Struct, frozen=True):
    """Whether a subject may do an action to a resource."""

    subject: Entity
    action: Action
    resource: Entity
    context: Properties = {}


class Semantic(StrEnum):
    """When a batch ends (§7.1.2.1)."""

    ALL = "execute_all"
    UNTIL_DENY = "deny_on_first_deny"
    UNTIL_PERMIT = "permit_on_first_permit"


class Options(msgspec.Struct, frozen=True):
    """How a batch is evaluated."""

    evaluations_semantic: Semantic = Semantic.ALL


class PartOfEntity(msgspec.Struct, frozen=True):
    """A default for subjects or resources, which may lack members (§7.1.1).

    Each evaluation that uses it is parsed as a whole; if none does, it is ignored.
    """

    type: Name | UnsetType = UNSET
    id: Name | UnsetType = UNSET
    properties: Properties = {}


class PartOfAction(msgspec.Struct, frozen=True):
    """The same for actions."""

    name: Name | UnsetType = UNSET
    properties: Properties = {}


class Batch(msgspec.Struct, frozen=True):
    """Several evaluations, and defaults for their members."""

    subject: PartOfEntity | None = None
    action: PartOfAction | None = None
    resource: PartOfEntity | None = None
    context: Properties | None = None
    evaluations: list[dict[str, Any]] = []
    options: Options = Options()


class Page(msgspec.Struct, frozen=True):
    """The requested part of the results."""

    limit: Annotated[int, msgspec.Meta(ge=1)] = USUAL_RESULTS
    token: str = ""


class SubjectSearch(msgspec.Struct, frozen=True):
    """A search for the subjects that may perform an action."""

    subject: EntityType
    action: Action
    resource: Entity
    context: Properties = {}
    page: Page = Page()


class ResourceSearch(msgspec.Struct, frozen=True):
    """A search for the resources on which an action may be performed."""

    subject: Entity
    action: Action
    resource: EntityType
    context: Properties = {}
    page: Page = Page()


class ActionSearch(msgspec.Struct, frozen=True):
    """A search for the actions that may be performed."""

    subject: Entity
    resource: Entity
    context: Properties = {}
    page: Page = Page()


def read_body(body: bytes, shape: type[T]) -> T:
    """Parse a body as a type. Raises ProtocolError `invalid_request`."""
    return shaped(parse_json(body, limit_bytes=MAX_BODY_BYTES), shape)


def shaped(value: Json, shape: type[T]) -> T:
    """Convert a value to a type. Raises ProtocolError `invalid_request`."""
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise ProtocolError(ErrorCode.INVALID_REQUEST, str(error)) from error


def read_batch(body: bytes) -> tuple[Batch, list[Evaluation | ProtocolError]]:
    """A batch, and each of its evaluations or its error.

    A member of an evaluation replaces the whole default (§7.1.1). Without `evaluations` the body is
    a single one. Raises ProtocolError `invalid_request`.
    """
    value = parse_json(body, limit_bytes=MAX_BODY_BYTES)
    batch = shaped(value, Batch)
    if len(batch.evaluations) > MAX_EVALUATIONS:
        problem = f"more than {MAX_EVALUATIONS} evaluations"
        raise ProtocolError(ErrorCode.INVALID_REQUEST, problem)
    shared = value if isinstance(value, dict) else {}
    return batch, list(_evaluations(batch, shared))


def _evaluations(batch: Batch, shared: Mapping[str, Json]) -> Iterator[Evaluation | ProtocolError]:
    usual = {name: shared[name] for name in INHERITED if name in shared}
    for own in batch.evaluations:
        try:
            yield shaped({**usual, **own}, Evaluation)
        except ProtocolError as error:
            yield error
