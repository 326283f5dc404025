"""Events, the tree over them, checkpoints, and what verification finds."""

import base64
import hashlib
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from durward.core.audit.checkpoint import Checkpoint, LogKey, verify_checkpoint
from durward.core.audit.event import AuditEvent, EventKind, flaw
from durward.core.audit.merkle import EMPTY_ROOT, Tree, leaf_hash
from durward.core.audit.verify import Verification, VerificationReport
from durward.core.errors import ProtocolError
from durward.core.values import Instant
from durward.core.wire import JsonLike, sorted_json

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(32))
KEY = LogKey("durward", PRIVATE.public_key().public_bytes_raw())


def leaves(count: int, salt: str = "") -> list[bytes]:
    events = [
        AuditEvent(f"e{n}{salt}", Instant(n), EventKind.DECISION, "ann", "orders/1", facts={"n": n})
        for n in range(count)
    ]
    return [event.to_wire() for event in events]


def checkpoint(data: list[bytes]) -> Checkpoint:
    return Checkpoint("durward", len(data), Tree().extend(map(leaf_hash, data)).root)


def verify_log(
    data: list[bytes], newest: Checkpoint, older: Checkpoint | None
) -> VerificationReport:
    """A log that did not grow while it was read."""
    verification = Verification(newest, older)
    for each in data:
        verification.take(each)
    return verification.report(newest)


def recursive_root(hashes: list[bytes]) -> bytes:
    """The definition of RFC 9162 §2.1.1, as it stands there."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    left, right = recursive_root(hashes[:split]), recursive_root(hashes[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


@given(st.lists(st.binary(max_size=4), max_size=70))
def test_the_root_is_that_of_the_definition(data: list[bytes]) -> None:
    hashes = [leaf_hash(each) for each in data]
    tree = Tree().extend(hashes)
    assert tree.root == recursive_root(hashes)
    assert tree.is_whole()


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert Tree().root == EMPTY_ROOT
    assert not Tree(3, (b"",)).is_whole()


def test_an_event_is_read_as_it_was_written() -> None:
    (data,) = leaves(1)
    assert AuditEvent.from_wire(data).to_wire() == data
    with pytest.raises(ProtocolError):
        AuditEvent.from_wire(b"{}")


def test_a_checkpoint_is_verified_by_the_logs_key() -> None:
    made = checkpoint(leaves(3))
    note = made.signed(KEY, PRIVATE.sign)
    assert verify_checkpoint(note, LogKey.from_wire(KEY.to_wire())) == made


@pytest.mark.parametrize(
    "spoil",
    [
        lambda note: note.replace("\n3\n", "\n4\n"),
        lambda note: note.replace("durward\n3", "other\n3"),
        lambda note: note.partition("\n\n")[0] + "\n\n",
        lambda note: note.replace("\u2014 durward ", "\u2014 somebody "),
        lambda note: note.replace("\u2014 durward ", "\u2014 durward AAAA"),
        lambda note: note.replace("\u2014 durward ", "\u2014 durward %"),
        lambda note: note.replace("\n3\n", "\nthree\n"),
        lambda note: note.replace("\n3\n", "\n3\n%"),
        lambda _: "",
    ],
)
def test_a_checkpoint_that_was_changed_is_refused(spoil) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    with pytest.raises(ProtocolError):
        verify_checkpoint(spoil(checkpoint(leaves(3)).signed(KEY, PRIVATE.sign)), KEY)


@pytest.mark.parametrize("text", ["", "durward+00000000+AAAA", "a+b", "durward+x+%%%"])
def test_what_is_no_key_of_a_log_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        LogKey.from_wire(text)


def test_the_key_has_the_form_that_other_verifiers_read() -> None:
    name, hashed, encoded = KEY.to_wire().split("+", 2)
    assert (name, len(hashed)) == ("durward", 8)
    assert base64.b64decode(encoded)[0] == 1


def test_a_sound_log_is_sound_and_says_whether_an_older_checkpoint_was_held_against_it() -> None:
    data = leaves(9)
    report = verify_log(data, checkpoint(data), checkpoint(data[:4]))
    assert (report.is_sound, report.events, report.older_checked) == (True, 9, True)
    assert not verify_log(data, checkpoint(data), None).older_checked
    assert verify_log([], checkpoint([]), None).is_sound


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda data: [*data[:3], data[3].replace(b"ann", b"eve"), *data[4:]], "are not those"),
        (lambda data: [data[1], data[0], *data[2:]], "are not those"),
        (lambda data: data[:-2], "2 events that the checkpoint covers are missing"),
        (lambda data: [*data[:3], b"{}", *data[4:]], "cannot be read"),
        (lambda data: [*data, data[0]], "the id of an earlier one"),
        (lambda data: [*data, data[0].replace(b":0", b": 0")], "not in its canonical form"),
        (lambda data: [*data, *leaves(2, "new")], "2 events are beyond the checkpoint"),
    ],
)
def test_what_was_done_to_the_log_is_found(spoil, told: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    data = leaves(9)
    report = verify_log(spoil(data), checkpoint(data), None)
    assert any(told in problem for problem in report.problems)


def test_a_log_rewritten_and_signed_again_is_found_by_an_older_checkpoint() -> None:
    kept = checkpoint(leaves(5))
    rewritten = leaves(9, "x")
    assert verify_log(rewritten, checkpoint(rewritten), None).is_sound
    assert not verify_log(rewritten, checkpoint(rewritten), kept).is_sound
    cut = leaves(3)
    report = verify_log(cut, checkpoint(cut), kept)
    assert "2 events that the older checkpoint covers are missing" in report.problems
    assert "the older checkpoint covers more events than the newest" in report.problems


def test_a_log_that_grows_while_it_is_read_is_covered_by_the_checkpoint_of_then() -> None:
    data = leaves(9)
    for read in range(4, 10):
        for signed in range(read, 10):
            verification = Verification(checkpoint(data[:4]), checkpoint(data[:2]))
            for each in data[:signed]:
                verification.take(each)
            report = verification.report(checkpoint(data[:signed]))
            assert (report.is_sound, report.covered) == (True, signed)


def test_what_came_meanwhile_is_compared_with_the_newest_checkpoint_and_may_not_go_beyond_it() -> (
    None
):
    data, forged = leaves(9), leaves(9, "x")
    for rows, problem in (
        ([*data[:6], forged[6]], "1 events are beyond the checkpoint, which does not cover them"),
        ([*data[:5], forged[5]], "the first 6 events are not those of the checkpoint"),
    ):
        verification = Verification(checkpoint(data[:4]), None)
        for each in rows:
            verification.take(each)
        assert verification.report(checkpoint(data[:6])).problems == (problem,)
    verification = Verification(checkpoint(data[:4]), None)
    for each in data[:4]:
        verification.take(each)
    (problem,) = verification.report(checkpoint(data[:3])).problems
    assert "fewer events" in problem


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda data: data, None),
        (lambda data: data.replace(b'"decision"', b'"a kind of a newer version"'), None),
        (lambda data: data.replace(b":0", b":%d" % 2**70), None),
        (lambda data: data.replace(b"e0", b"e1"), "its event has another id"),
        (lambda data: data + b" ", "it is not an event in its canonical form"),
        (lambda data: data.replace(b"ann", b"\xff"), "it is not an event in its canonical form"),
        (lambda data: data.replace(b"ann", b"\\ud800"), "it is not an event in its canonical form"),
        (lambda _: b"[" * 100_000, "it is not an event in its canonical form"),
        (lambda _: b"[]", "it is not an event in its canonical form"),
        (lambda _: b"", "it is not an event in its canonical form"),
    ],
)
def test_a_row_is_the_event_of_its_id_or_it_is_told_why_not(spoil, told: str | None) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    assert flaw("e0", spoil(leaves(1)[0])) == told


NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
FACTS = st.dictionaries(st.text(max_size=4), NUMBERS | st.text(max_size=6) | st.none(), max_size=4)


@given(FACTS, st.integers(min_value=0), st.sampled_from(["", " ", "0", "\\u0041", "1.0", '"']))
def test_whichever_way_a_row_is_looked_at_the_form_is_that_of_our_writer(
    facts: dict[str, JsonLike], place: int, put: str
) -> None:
    """What is quick to compare is compared so; the answer is that of `sorted_json`."""
    written = sorted_json({"id": "e0", "facts": facts}).decode()
    assert flaw("e0", written.encode()) is None
    spoiled = f"{written[: place % len(written)]}{put}{written[place % len(written) :]}"
    try:
        same = sorted_json(json.loads(spoiled)) == spoiled.encode()
    except ValueError:
        same = False
    assert (flaw("e0", spoiled.encode()) is None) is (
        same and json.loads(spoiled).get("id") == "e0"
    )
