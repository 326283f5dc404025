"""A replica of each test's own, from a copy that is made once."""

from collections.abc import AsyncIterator

import pytest
from tests.services.replica import Replica, made
from tests.services.replica import replica as fresh_replica

from durward.core.values import Secret


@pytest.fixture(scope="session")
def template() -> tuple[str, dict[str, Secret]]:
    return made()


@pytest.fixture
async def replica(template: tuple[str, dict[str, Secret]]) -> AsyncIterator[Replica]:
    async with fresh_replica(*template) as running:
        yield running


@pytest.fixture
async def people(replica: Replica) -> Replica:
    """The same, where Ann and Bob can sign in."""
    for name in ("ann", "bob"):
        await replica.give_password(name)
    return replica
