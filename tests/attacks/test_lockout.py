"""Who guesses keeps nobody out: neither a person at a browser of theirs, nor a client."""

import pytest
from tests.issuer import Issuer

pytestmark = pytest.mark.anyio
STRANGERS = [f"203.0.113.{number}" for number in range(1, 30)]


@pytest.mark.requirement("AS-25")
@pytest.mark.parametrize("source", ["192.0.2.1", STRANGERS[0]])
async def test_who_guesses_at_a_clients_secret_keeps_the_client_out_nowhere(
    issuer: Issuer, source: str
) -> None:
    """Neither elsewhere, nor at the very address that is guessed from."""

    async def status(at: str, secret: str) -> int:
        form = {"grant_type": "refresh_token", "refresh_token": "x"}
        async with issuer.http(at) as http:
            return (await http.post("/token", data=form, auth=("desk", secret))).status_code

    for stranger in STRANGERS * 2:
        assert await status(stranger, "wrong") == 401
    answers = []
    for _ in range(20):
        for stranger in STRANGERS[:2]:
            await status(stranger, "wrong")
        answers.append(await status(source, issuer.secrets["desk"]))
    assert answers == [400] * 20, "the client is let in, and its token is not known"
