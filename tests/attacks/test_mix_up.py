"""The sample application, where another issuer or another browser answers (RFC 9207)."""

import time
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from tests.demo import Demo


def begun(browser: httpx2.Client, kept_demo: Demo) -> dict[str, str]:
    """A sign-in that was begun: what the application asks the issuer for."""
    reply = browser.post(f"{kept_demo.app}/sign-in")
    query = urlsplit(reply.headers["location"]).query
    return {name: values[0] for name, values in parse_qs(query).items()}


def redemptions(kept_demo: Demo) -> int:
    """How often a bad code came to the token endpoint."""
    time.sleep(1)  # events are sequenced within half a second
    return kept_demo.run("logs", "--json", "--last", "1000").stdout.count("invalid_grant")


@pytest.mark.requirement("AS-11")
@pytest.mark.parametrize("iss", ["https://evil.example", "", None])
def test_an_answer_of_another_issuer_is_not_redeemed(kept_demo: Demo, iss: str | None) -> None:
    before = redemptions(kept_demo)
    with httpx2.Client(trust_env=False) as browser:
        answer = {"code": "dwc_stolen", "state": begun(browser, kept_demo)["state"]}
        if iss is not None:
            answer["iss"] = iss
        reply = browser.get(f"{kept_demo.app}/callback", params=answer)
    assert reply.status_code == 400
    assert "another issuer" in reply.text
    assert redemptions(kept_demo) == before


def test_an_answer_to_a_question_of_another_browser_is_not_taken(kept_demo: Demo) -> None:
    with httpx2.Client(trust_env=False) as victim, httpx2.Client(trust_env=False) as attacker:
        planted = begun(attacker, kept_demo)["state"]
        begun(victim, kept_demo)
        answer = {"code": "dwc_attackers", "state": planted, "iss": kept_demo.issuer}
        assert victim.get(f"{kept_demo.app}/callback", params=answer).status_code == 400
        page = victim.get(kept_demo.app).text
    assert "Nobody is signed in" in page


def test_a_question_is_answered_once(kept_demo: Demo) -> None:
    before = redemptions(kept_demo)
    with httpx2.Client(trust_env=False) as browser:
        answer = {
            "code": "dwc_x",
            "state": begun(browser, kept_demo)["state"],
            "iss": kept_demo.issuer,
        }
        assert browser.get(f"{kept_demo.app}/callback", params=answer).status_code == 502
        again = browser.get(f"{kept_demo.app}/callback", params=answer)
    assert again.status_code == 400
    assert "no question of ours" in again.text
    assert redemptions(kept_demo) == before + 1
