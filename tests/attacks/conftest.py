"""An authorization server of each test's own."""

from collections.abc import AsyncIterator

import pytest
from tests.issuer import Issuer
from tests.issuer import issuer as fresh_issuer


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with fresh_issuer() as running:
        yield running
