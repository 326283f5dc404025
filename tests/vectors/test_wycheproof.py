"""Wycheproof's signatures and keys: our profile accepts none that is marked invalid."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from durward.core.errors import ProtocolError
from durward.core.jose.jwk import KEY_OF, PRIVATE, KeySet
from durward.core.jose.jws import verify

VECTORS = os.environ.get("DURWARD_VECTORS")  # noqa: TID251 - where the vectors lie
FILES = ("json_web_signature_test.json", "json_web_key_test.json")
SYMMETRIC = "symmetric keys are not in the profile"
REFUSED = {
    **{f"json_web_signature-{n}": SYMMETRIC for n in (1, 348, 352, *range(357, 360))},
    **{f"json_web_signature-{n}": SYMMETRIC for n in (372, 373, 376, 377)},
    **{f"json_web_key-{n}": SYMMETRIC for n in (2, 13, 14, 15)},
    **{f"json_web_signature-{n}": "RS384 is not in the profile" for n in range(264, 268)},
    **{f"json_web_signature-{n}": "RS512 is not in the profile" for n in range(268, 272)},
    **{f"json_web_signature-{n}": "PS384 is not in the profile" for n in range(320, 324)},
    **{f"json_web_signature-{n}": "PS512 is not in the profile" for n in range(325, 329)},
    **{f"json_web_signature-{n}": "a key for PS256 verifies no PS384" for n in (346, 350)},
    **{f"json_web_signature-{n}": "the key names no algorithm of RFC 7518" for n in (347, 351)},
}
"""The cases marked valid that we refuse, and why."""


def cases() -> list[Any]:
    found = []
    for name in FILES if VECTORS else ():
        content = json.loads((Path(str(VECTORS)) / "wycheproof" / name).read_text())
        for group in content["testGroups"]:
            for case in group["tests"]:
                id_ = f"{name.removesuffix('_test.json')}-{case['tcId']}"
                found.append(pytest.param(group, case, id=id_))
    return found


def key_set(group: dict[str, Any]) -> KeySet:
    """The public half of a group's key, each for the algorithm it names."""
    given = group.get("public") or group["private"]
    listed = given.get("keys", [given])
    symmetric = [key for key in listed if key.get("kty") == "oct" or "k" in key]
    keys = []
    for key in listed:
        public = {member: value for member, value in key.items() if member not in PRIVATE}
        if public.get("key_ops") == ["sign", "verify"]:
            public["key_ops"] = ["verify"]
        keys.append(key if key in symmetric else public)
    return KeySet.parse({"keys": keys})


@pytest.mark.requirement("AS-38", "AS-39", "AS-45", "AS-46")
@pytest.mark.skipif(not VECTORS, reason="DURWARD_VECTORS names no folder of vectors")
@pytest.mark.parametrize(("group", "case"), cases())
def test_a_vector_is_judged_as_its_authors_say(
    group: dict[str, Any], case: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.id
    try:
        verify(case["jws"], key_set(group), KEY_OF)
    except ProtocolError:
        assert case["result"] == "invalid" or name in REFUSED
    else:
        assert case["result"] == "valid", case["comment"]
        assert name not in REFUSED, "it is accepted by now"
