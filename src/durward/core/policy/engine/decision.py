"""The decision of a request, and the statements that it names."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from durward.core.policy.engine.absent import names_absent
from durward.core.policy.engine.predicate import And, compile_statement, keys_of
from durward.core.policy.language.document import Effect, Statement


class Layer(StrEnum):
    """The layer of a statement."""

    GUARDRAIL = "guardrail"
    RESOURCE = "resource policy"
    IDENTITY = "identity policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"


GRANTS: Final = (Layer.IDENTITY, Layer.RESOURCE)


class Result(StrEnum):
    """The result of a decision; only the first allows."""

    ALLOW = "allow"
    EXPLICIT_DENY = "explicit deny"
    IMPLICIT_DENY = "implicit deny"


MAX_LISTED: Final = 20
MAX_SHOWN_CHARACTERS: Final = 200


class Rule:
    """A statement with its layer. Its answer is the decision if it is the first that applies."""

    __slots__ = ("_keys", "_predicate", "answer", "document", "layer", "statement")

    def __init__(self, layer: Layer, document: str, statement: Statement) -> None:
        self.layer = layer
        self.document = document
        self.statement = statement
        self.answer = Decision(RESULTS[statement.effect], (self,))
        self._predicate: And | None = None
        self._keys: frozenset[str] | None = None

    @property
    def id(self) -> str:
        """`document/statement`."""
        return f"{self.document}/{self.statement.name}"

    @property
    def denies(self) -> bool:
        """Whether it is a Deny."""
        return self.statement.effect is Effect.DENY

    @property
    def predicate(self) -> And:
        """The predicate of the statement; compiled on demand, since the index does not need it."""
        if self._predicate is None:
            self._predicate = compile_statement(self.statement)
        return self._predicate

    @property
    def keys(self) -> frozenset[str]:
        """Every key that the statement may read."""
        if self._keys is None:
            self._keys = keys_of(self.predicate)
        return self._keys


RESULTS: Final = {Effect.ALLOW: Result.ALLOW, Effect.DENY: Result.EXPLICIT_DENY}


@dataclass(frozen=True, slots=True)
class Decision:
    """The result, with the deciding statement, or else the layers that blocked.

    Across tenants two statements allow together.
    """

    result: Result
    deciding: tuple[Rule, ...] = ()
    blocked_by: tuple[Layer, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether the request is allowed."""
        return self.result is Result.ALLOW

    @property
    def because(self) -> tuple[str, ...]:
        """The names of the deciding statements."""
        return tuple(rule.id for rule in self.deciding)


def reason_of(
    result: Result,
    because: Sequence[str],
    blocked_by: Sequence[Layer],
    scopes_needed: Sequence[str],
) -> str:
    """The reason in one sentence; `scopes_needed` if no scope of the token covers the action.

    It reads no statement, so that a denial costs no more than an allow.
    """
    if result is Result.ALLOW:
        return f"allowed by {quoted_list(because)}"
    if result is Result.EXPLICIT_DENY:
        if (name := names_absent(because)) is not None:
            return f"the token names policy {quoted_list([name])}, which is not here"
        return f"denied by {quoted_list(because)}"
    if tuple(blocked_by) == (Layer.SESSION,):
        return f"the token has none of the scopes {quoted_list(scopes_needed) or '(none fits)'}"
    if tuple(blocked_by) == GRANTS:
        return "no statement allows it"
    return f"not allowed by the {' and the '.join(blocked_by)}"


def quoted_list(texts: Sequence[str]) -> str:
    """Quoted strings in a list, for people, bounded."""
    shown = ", ".join(f"`{text[:MAX_SHOWN_CHARACTERS]}`" for text in texts[:MAX_LISTED])
    return shown if len(shown) <= MAX_SHOWN_CHARACTERS else shown[:MAX_SHOWN_CHARACTERS] + "…"
