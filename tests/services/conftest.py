"""A replica of each test's own, from a copy that is made once."""

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.services.replica import Replica, Template
from tests.services.replica import replica as fresh_replica
from tests.services.replica import template as fresh_template


@pytest.fixture(scope="session")
def template() -> Iterator[Template]:
    with fresh_template() as made:
        yield made


@pytest.fixture
async def replica(template: Template) -> AsyncIterator[Replica]:
    async with fresh_replica(template) as running:
        yield running


@pytest.fixture
async def people(replica: Replica) -> Replica:
    """The same, where Ann and Bob can sign in."""
    for name in ("ann", "bob"):
        await replica.give_password(name)
    return replica
