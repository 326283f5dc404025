"""A policy speaks of what there is, or is not put in force."""

from typing import Any

import pytest
from tests.unit.test_configuration import GOOD

from durward.core.configuration.configuration import Configuration, read_configuration
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.errors import Misconfigured
from durward.core.names import check_names

KEYS: dict[str, Any] = {"durward:ResourceAttr/state": {}}


def configuration(statement: dict[str, Any], **api: Any) -> Configuration:
    body = {"Effect": "Allow", "Action": "orders:Get", "Resource": "*", **statement}
    declared: dict[str, dict[str, Any]] = {
        **GOOD,
        "policies": {**GOOD["policies"], "all": {"Version": "2012-10-17", "Statement": body}},
        "apis": {"orders": {**GOOD["apis"]["orders"], **api}},
    }
    return read_configuration(
        Declaration(DeclarationKind(kind), name, body)
        for kind, bodies in declared.items()
        for name, body in bodies.items()
    )


def test_names_that_there_are_are_taken() -> None:
    check_names(configuration({}))
    state = {"StringEquals": {"durward:ResourceAttr/state": "open"}}
    check_names(configuration({"Condition": state}, keys=KEYS))


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ({"Effect": "Deny", "Action": "orders:Gte"}, "all/Statement/Action: "),
        ({"Action": "bills:Get"}, "`bills:Get`"),
        ({"Resource": "arn:durward:orders:*:*:ordr/*"}, "/Statement/Resource"),
        ({"Condition": {"StringEquals": {"durward:Subjekt": "ann"}}}, "did you mean"),
        ({"Condition": {"NumericEquals": {"durward:Subject": "1"}}}, "durward:Subject"),
    ],
)
def test_a_name_that_there_is_not_is_refused(statement: dict[str, Any], told: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        check_names(configuration(statement))
    assert told in caught.value.problem
    assert "durward policy check" in caught.value.hint
