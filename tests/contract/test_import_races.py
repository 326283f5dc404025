"""What every backend promises of imports at the same moment: nobody is there twice."""

import asyncio

import pytest
from tests.issuer import issuer as serving

from durward.core.errors import Conflict
from durward.core.people.import_line import ImportLine
from durward.services.people_import import ImportReport, import_people

pytestmark = pytest.mark.anyio


async def test_of_imports_of_the_same_people_the_others_are_repeated(url: str) -> None:
    lines = [ImportLine(login=f"user{number}", tenant="acme") for number in range(100)]
    async with serving(url) as issuer:
        use_cases = issuer.plane.use_cases
        found = await asyncio.gather(
            *(import_people(use_cases, lines) for _ in range(4)), return_exceptions=True
        )
        assert all(isinstance(one, ImportReport | Conflict) for one in found), found
        again = await import_people(use_cases, lines)
        assert (again.added, again.existing) == (0, len(lines))
        added = [one for one in await issuer.events() if '"person added"' in one and "p_" in one]
        assert len(added) == len(lines)
