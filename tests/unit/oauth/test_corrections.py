"""What a developer has to change is told, in fixed texts, and no secret of a request."""

import pytest

from durward.core.errors import ErrorCode, ProtocolError, Reason
from durward.core.oauth.corrections import (
    CORRECTIONS,
    MAX_SHOWN_CHARACTERS,
    correction,
    without_query,
)
from durward.core.values import ClientId, Instant, Seconds, later
from durward.entrypoints.http.correction_lines import ALL, EACH_SECONDS, MAX_KEYS, Corrections

DESK = ClientId("desk")


def refused(reason: Reason, private: str = "") -> ProtocolError:
    return ProtocolError(ErrorCode.INVALID_REQUEST, "no", private=private, reason=reason)


class Log:
    def __init__(self) -> None:
        self.at = Instant(1_800_000_000_000_000)
        self.lines: list[str] = []
        self.corrections = Corrections(lambda: self.at, self.lines.append)

    def tell(self, reason: Reason, client: ClientId | None = DESK) -> None:
        self.corrections.report("/token", refused(reason), client)


def test_only_what_a_declaration_can_be_the_cause_of_is_told() -> None:
    assert correction(refused(Reason.NONE)) is None
    assert correction(refused(Reason.UNKNOWN_CLIENT)) == CORRECTIONS[Reason.UNKNOWN_CLIENT].text


@pytest.mark.parametrize("reason", list(CORRECTIONS))
def test_what_was_sent_is_told_of_three_reasons_alone(reason: Reason) -> None:
    told = correction(refused(reason, "private text"))
    assert told is not None
    assert ("private text" in told) is (
        reason
        in {
            Reason.REDIRECT_URI_NOT_DECLARED,
            Reason.METHOD_NOT_DECLARED,
            Reason.PROFILE_NEEDS_KEY,
        }
    )


def test_a_query_and_a_fragment_are_not_told() -> None:
    assert (
        without_query("`desk`: https://a.example/b?code=secret&state=s")
        == "`desk`: https://a.example/b?…"
    )
    assert "secret" not in without_query("https://a.example/#access_token=secret")
    assert "secret" not in without_query("`desk`: https://a.example/?next=x y&token=secret")
    assert "\n" not in without_query("`desk`: https://a.example/\n✓ done")
    assert len(without_query("x" * 9_000)) == MAX_SHOWN_CHARACTERS


def test_each_client_and_reason_is_told_once_a_minute_and_the_rest_is_counted() -> None:
    log = Log()
    for _ in range(5):
        log.tell(Reason.WRONG_SECRET)
    log.tell(Reason.CHALLENGE_MISSING)
    log.tell(Reason.WRONG_SECRET, ClientId("other"))
    assert len(log.lines) == 3
    assert log.lines[0].startswith("/token refused clients/desk: the secret is not the client's")
    log.at = later(log.at, Seconds(EACH_SECONDS))
    log.tell(Reason.WRONG_SECRET)
    assert log.lines[3].endswith("; 4 more like this since the line before")


def test_clients_that_are_not_declared_are_one() -> None:
    log = Log()
    for _ in range(100):
        log.tell(Reason.UNKNOWN_CLIENT, None)
    (line,) = log.lines
    assert line.startswith("/token refused a client that is not declared: ")


def test_lines_are_bounded_in_all_also_of_many_clients() -> None:
    log = Log()
    for number in range(MAX_KEYS + 100):
        log.tell(Reason.WRONG_SECRET, ClientId(f"c{number}"))
    assert len(log.lines) == ALL.burst
