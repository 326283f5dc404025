"""How much is served: a bound itself is; beyond any, all that is too much is told."""

import pytest

from durward.core import sizes
from durward.core.errors import Misconfigured
from durward.core.sizes import Size, check_sizes


def test_a_bound_itself_is_served() -> None:
    check_sizes(sizes.BOUNDS)


def test_every_number_that_is_too_large_is_told() -> None:
    with pytest.raises(Misconfigured) as caught:
        check_sizes({size: bound + 1 for size, bound in sizes.BOUNDS.items()})
    assert caught.value.problem.count(" are served") == len(Size)
    assert "docs/control-plane.md" in caught.value.hint


def test_a_number_within_its_bound_is_not_told_beside_one_that_is_not() -> None:
    with pytest.raises(Misconfigured) as caught:
        check_sizes({Size.APIS: 1, Size.POLICIES: sizes.POLICIES + 1})
    assert caught.value.problem == f"{sizes.POLICIES + 1} policies, and {sizes.POLICIES} are served"
