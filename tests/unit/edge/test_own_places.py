"""No API's upstream is an address of Durward itself, in whatever spelling."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.edge.test_envoy_configuration import API, node

from durward.core.address import Address
from durward.core.errors import Misconfigured
from durward.core.upstream import Upstream
from durward.entrypoints.edge.own_places import refuse_own_places

SERVICE = Address("10.0.0.1", 80)


@pytest.mark.parametrize(
    "upstream",
    [
        *("unix:{run}/control.sock", "unix:{run}/edge.sock", "unix:{run}/../run/control.sock"),
        *("unix:{run}/link.sock", "unix:{link}/control.sock", "unix:/run/admin.sock"),
        *("unix:/run/pdp-1.sock", "unix:/run/public.sock"),
        *("127.0.0.1:8443", "localhost:8443", "[::1]:9443", "0.0.0.0:8443"),
    ],
)
def test_an_address_of_ours_is_no_upstream(tmp_path: Path, upstream: str) -> None:
    run, link = tmp_path / "run", tmp_path / "link"
    run.mkdir()
    (run / "control.sock").touch()
    (run / "link.sock").symlink_to(run / "control.sock")
    link.symlink_to(run)
    api = replace(
        API, upstream=Upstream((SERVICE, Address.parse(upstream.format(run=run, link=link))))
    )
    with pytest.raises(Misconfigured, match="address of Durward itself"):
        refuse_own_places([API, api], node(), [run])


@pytest.mark.parametrize(
    "upstream", ["unix:/run/orders.sock", "127.0.0.1:9000", "orders.internal:8443", "10.0.0.1:8443"]
)
def test_a_service_is_one(tmp_path: Path, upstream: str) -> None:
    refuse_own_places(
        [replace(API, upstream=Upstream((Address.parse(upstream),)))], node(), [tmp_path]
    )
