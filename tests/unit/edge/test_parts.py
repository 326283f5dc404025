"""A snapshot in parts: what travels comes back whole, and what is not understood restricts."""

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.edge.test_decide import API

from durward.core.api import Api
from durward.core.cors import Cors
from durward.core.edge.holding import Holding
from durward.core.edge.parts import (
    FORMAT,
    LIST_TYPE,
    Listing,
    Part,
    assemble,
    digest_of,
    read_listing,
    read_part,
    split,
)
from durward.core.edge.report import Refused
from durward.core.edge.snapshot import Snapshot
from durward.core.errors import Misconfigured
from durward.core.jose.jwk import KeySet
from durward.core.policy.engine.bundle import Bundle
from durward.core.sizes import LIST_BYTES
from durward.keys.signing import generate

SIGNER = generate("Ed25519")
KEYS = KeySet.parse({"keys": [dict(SIGNER.public_jwk)]})
KEY = {"kty": "EC", "kid": "k1"}
BUNDLE = Bundle(documents={"p": {"Version": "2012-10-17"}}, identity={"role/clerk": ("p",)})
SNAPSHOT = Snapshot(7, "https://issuer.example", (KEY,), (API,), BUNDLE, 1_800_000_000)


def parts_of(snapshot: Snapshot) -> dict[str, Part]:
    return {name: read_part(name, data) for name, data in split(snapshot).items()}


def signed(version: int, digests: dict[str, str], epoch: int = 1, database: str = "db_1") -> str:
    listing = Listing(version, database, epoch, digests)
    return SIGNER.jws(LIST_TYPE, listing.to_wire(), SIGNER.kid)


def verify(text: str) -> Listing:
    return read_listing(text, KEYS)


def test_what_is_split_is_the_same_when_it_is_put_together() -> None:
    assert assemble(7, parts_of(SNAPSHOT).values()) == SNAPSHOT


def test_policies_of_before_there_was_a_floor_have_none() -> None:
    told = json.loads(split(SNAPSHOT)["policies"])
    del told["tokens_since"]
    former = read_part("policies", json.dumps({**told, "needs": []}).encode())
    held = {**parts_of(SNAPSHOT), "policies": former}
    assert assemble(7, held.values()) == replace(SNAPSHOT, tokens_since=0)
    lying = json.loads(SNAPSHOT.to_wire())
    del lying["tokens_since"]
    assert Snapshot.from_wire(json.dumps(lying).encode()).tokens_since == 0


def test_a_code_that_reads_no_names_in_tokens_closes_the_policies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It would let people through without their boundaries."""
    parts = split(SNAPSHOT)
    monkeypatch.setattr("durward.core.edge.parts.CAPABILITIES", frozenset({"tenant-guardrails"}))
    part = read_part("policies", parts["policies"])
    assert (part.content, part.closed) == (None, "it needs what this node has not: token-policies")


@pytest.mark.parametrize(
    ("api", "needs"),
    [
        (API, ["upstreams"]),
        (replace(API, prefix="/v1", base_path="/v1"), ["upstreams"]),
        (replace(API, hosts=("a.example",)), ["upstreams", "places"]),
        (replace(API, prefix="/v1"), ["upstreams", "places"]),
        (
            replace(API, operations=(replace(API.operations[0], path="/{id}.json"),)),
            ["upstreams", "places"],
        ),
    ],
)
def test_an_edge_that_would_serve_an_api_elsewhere_closes_it(api: Api, needs: list[str]) -> None:
    """One of before there were places would serve it at every host, or send other paths on."""
    data = split(replace(SNAPSHOT, apis=(api,)))[f"api/{api.id}"]
    assert json.loads(data)["needs"] == needs
    assert assemble(7, [read_part(f"api/{api.id}", data)]).apis == (api,)


def test_a_code_that_reaches_services_at_one_address_alone_closes_the_api(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It would send requests without TLS."""
    parts = split(SNAPSHOT)
    monkeypatch.setattr("durward.core.edge.parts.CAPABILITIES", frozenset({"token-policies"}))
    part = read_part(f"api/{API.id}", parts[f"api/{API.id}"])
    assert (part.content, part.closed) == (None, "it needs what this node has not: upstreams")


def test_an_api_with_cors_needs_an_edge_that_replaces_what_services_say() -> None:
    """Another would serve the service's own permissions."""
    name = f"api/{API.id}"
    with_cors = replace(API, cors=Cors(("https://app.example",)))
    needs = [
        json.loads(split(replace(SNAPSHOT, apis=(api,)))[name])["needs"] for api in (API, with_cors)
    ]
    assert needs == [["upstreams"], ["upstreams", "cors"]]
    read = read_part(name, split(replace(SNAPSHOT, apis=(with_cors,)))[name])
    assert assemble(7, [read]).apis == (with_cors,)


def test_equal_content_has_equal_bytes_whatever_the_order_of_its_sets() -> None:
    scopes = ({"a", "b", "c", "d", "e"}, {"e", "d", "c", "b", "a"})
    both = [
        replace(API, operations=(replace(API.operations[0], scopes=(frozenset(some),)),))
        for some in scopes
    ]
    first, second = (split(replace(SNAPSHOT, apis=(api,))) for api in both)
    assert first == second


@pytest.mark.parametrize("name", ["keys", "issuers", "policies", f"api/{API.id}"])
@pytest.mark.parametrize(
    ("change", "told"), [({"format": FORMAT + 1}, "format"), ({"needs": ["binding"]}, "binding")]
)
def test_a_part_that_is_beyond_this_code_closes_what_it_is_about(
    name: str, change: dict[str, Any], told: str
) -> None:
    beyond = json.loads(split(SNAPSHOT)[name]) | change | {"requires_binding": True}
    part = read_part(name, json.dumps(beyond).encode())
    assert part.content is None
    assert told in part.closed
    held = {**parts_of(SNAPSHOT), name: part}
    closed = assemble(7, held.values())
    whole = {"keys": SNAPSHOT.keys, "policies": BUNDLE, "api": (API,)}
    found = {"keys": closed.keys, "policies": closed.policies, "api": closed.apis}
    emptied = {"issuers": "keys"}.get(name, name.partition("/")[0])
    assert found == {**whole, emptied: Bundle() if emptied == "policies" else ()}


@pytest.mark.parametrize("place", [(), ("api",), ("api", "operations", 0), ("api", "upstream")])
def test_a_member_that_is_not_known_refuses_the_part(place: tuple[Any, ...]) -> None:
    """An edge that drops what it does not know would enforce less than was meant."""
    name = f"api/{API.id}"
    document = json.loads(split(SNAPSHOT)[name])
    inner = document
    for step in place:
        inner = inner[step]
    inner["requires_binding"] = True
    with pytest.raises(Misconfigured, match="requires_binding`"):
        read_part(name, json.dumps(document).encode())


def test_a_part_may_lack_what_has_a_default() -> None:
    """An older control plane does not say what a newer node knows."""
    document = json.loads(split(SNAPSHOT)[f"api/{API.id}"])
    for operation in document["api"]["operations"]:
        operation.pop("fresh")
    read_part(f"api/{API.id}", json.dumps(document).encode())


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("keys", b"{}"),
        ("keys", b""),
        ("keys", b'\xff{"format":1}'),
        ("api/other", split(SNAPSHOT)[f"api/{API.id}"]),
        ("secrets", b'{"format":1}'),
        ("policies", split(SNAPSHOT)["keys"]),
    ],
)
def test_what_is_no_part_of_that_name_is_refused(name: str, data: bytes) -> None:
    with pytest.raises(Misconfigured):
        read_part(name, data)


def test_a_list_of_a_thousand_apis_verifies_and_one_beyond_the_bound_says_so() -> None:
    """The JOSE library's own bound is 96 kB of payload, and it was told as a wrong signature."""
    digests = {f"api/{'n' * 60}-{number}": digest_of(b"") for number in range(1_000)}
    text = signed(1, digests)
    assert len(text) > 128_000
    assert verify(text).parts == digests
    with pytest.raises(Misconfigured, match=f"larger than {LIST_BYTES} bytes"):
        verify(text + "A" * LIST_BYTES)


def held(version: int = 7, epoch: int = 1, **changed: Part) -> Holding:
    parts = parts_of(SNAPSHOT) | changed
    text = signed(version, {name: part.digest for name, part in parts.items()}, epoch)
    return Holding().moved(text, verify(text), parts, {})


def test_a_holding_comes_back_from_disk() -> None:
    assert Holding.from_wire(held().to_wire(), verify) == held()


def test_a_former_part_is_vouched_for_by_the_list_that_had_it() -> None:
    """The newest list names another content, which was refused: the former stays in force."""
    before = held()
    name = f"api/{API.id}"
    text = signed(8, {**before.listing.parts, name: digest_of(b"refused")})  # type: ignore[union-attr]
    refused = {name: Refused(digest_of(b"refused"), "Envoy refuses it")}
    after = before.moved(text, verify(text), before.parts, refused)
    assert list(after.vouchers) == [name]
    again = Holding.from_wire(after.to_wire(), verify)
    assert (again, again.snapshot.apis) == (after, (API,))
    later = signed(9, {**verify(text).parts, name: digest_of(b"refused again")})
    twice = after.moved(later, verify(later), after.parts, refused)
    assert twice.vouchers == after.vouchers, "the list that had it, not the one before"
    assert Holding.from_wire(twice.to_wire(), verify) == twice


def test_what_no_signed_list_has_is_not_taken_from_disk() -> None:
    kept = json.loads(held().to_wire())
    policies = json.loads(kept["parts"]["policies"])
    policies["policies"]["documents"]["p"]["Statement"] = {"Effect": "Allow"}
    for forged in (
        {**kept, "parts": {**kept["parts"], "policies": json.dumps(policies)}},
        {**kept, "vouchers": {"policies": 1}},
        {**kept, "vouchers": {"policies": -1}},
        {**kept, "lists": [kept["lists"][0][:-4] + "AAAA"]},
        {**kept, "lists": []},
        {**kept, "more": 1},
    ):
        with pytest.raises(Misconfigured):
            Holding.from_wire(json.dumps(forged).encode(), verify)
    with pytest.raises(Misconfigured):
        Holding.from_wire(held().to_wire()[:-20], verify)
    with pytest.raises(Misconfigured):
        Holding.from_wire(b"\xff\xfe", verify)


@pytest.mark.parametrize(
    ("version", "epoch", "database", "told"),
    [
        (6, 1, "db_1", "not newer"),
        (7, 1, "db_1", "not newer"),
        (9, 0, "db_1", "not newer"),
        (6, 2, "db_1", "not newer"),
        (9, 1, "db_2", "another database"),
    ],
)
def test_a_node_never_goes_back(version: int, epoch: int, database: str, told: str) -> None:
    other = verify(signed(version, {"keys": digest_of(b"x")}, epoch, database))
    with pytest.raises(Misconfigured, match=told):
        held().lacking(other)


def test_the_list_that_is_held_may_come_again_for_what_is_missing() -> None:
    whole = held()
    lacking = whole.moved(
        whole.signed,
        verify(whole.signed),
        {name: part for name, part in whole.parts.items() if name != "policies"},
        {},
    )
    assert lacking.missing == ("policies",)
    assert lacking.snapshot.policies == Bundle(), "until it is there nothing is allowed"
    assert list(lacking.lacking(verify(whole.signed))) == ["policies"]


def test_nothing_is_a_snapshot_that_allows_nothing() -> None:
    assert Holding().snapshot == Snapshot.nothing()
    assert (Holding().version, Holding().digest, Holding().missing) == (0, "", ())
