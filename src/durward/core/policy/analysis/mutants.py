"""Mutants: policies with one small fault each, to measure what the tests protect.

A removed condition, a reversed effect, a resource `*`, a removed value.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from durward.core.policy.language.source import escape
from durward.core.wire import Json

ELEMENTS = ("Action", "NotAction", "Resource", "NotResource")
TURNED = {"Allow": "Deny", "Deny": "Allow"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A document with one fault, its description `change` and its place `pointer`."""

    document: str
    pointer: str
    change: str
    body: Json

    def __str__(self) -> str:
        return f"{self.document}: {self.pointer}: {self.change}"


def mutants(documents: Mapping[str, Any]) -> Iterator[Mutant]:
    """Every mutant of every document."""
    for name, body in documents.items():
        found = body.get("Statement", [])
        for place, statement in enumerate(found if isinstance(found, list) else [found]):
            pointer = f"/Statement/{place}" if isinstance(found, list) else "/Statement"
            for where, change, mutated in _of_statement(statement):
                mutant = copy.deepcopy(dict(body))
                if isinstance(found, list):
                    mutant["Statement"][place] = mutated
                else:
                    mutant["Statement"] = mutated
                yield Mutant(name, pointer + where, change, mutant)


def _of_statement(statement: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    effect = statement["Effect"]
    yield "/Effect", f"`{TURNED[effect]}` instead", {**statement, "Effect": TURNED[effect]}
    if statement.get("Resource", "*") != "*":
        yield "/Resource", "any resource", {**statement, "Resource": "*"}
    for element in ELEMENTS:
        value = statement.get(element)
        for at, fewer in _fewer(value):
            yield f"/{element}/{at}", "one less", {**statement, element: fewer}
    for operator, keys in statement.get("Condition", {}).items():
        for key, values in keys.items():
            pointer = f"/Condition/{escape(operator)}/{escape(key)}"
            without = {name: given for name, given in keys.items() if name != key}
            yield pointer, "not asked", _with(statement, operator, without)
            for at, fewer in _fewer(values):
                changed = {**keys, key: fewer}
                yield f"{pointer}/{at}", "one less", _with(statement, operator, changed)


def _fewer(value: object) -> Iterator[tuple[int, list[Any]]]:
    if isinstance(value, list) and len(value) > 1:
        for at in range(len(value)):
            yield at, [*value[:at], *value[at + 1 :]]


def _with(statement: dict[str, Any], operator: str, keys: dict[str, Any]) -> dict[str, Any]:
    condition = {**statement["Condition"], operator: keys}
    return {**statement, "Condition": {name: each for name, each in condition.items() if each}}
