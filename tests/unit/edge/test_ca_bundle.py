"""The CAs of the system: found, or the APIs that need them are closed and named."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.certificates import Authority
from tests.unit.edge.test_envoy_configuration import API, PUBLIC, SERVICE, SNAPSHOT, node

from durward.core.edge.envoy.clusters import service
from durward.core.errors import Misconfigured
from durward.core.values import ApiId
from durward.entrypoints.edge.ca_bundle import (
    KeptCas,
    closed_without_cas,
    find_ca_bundle,
    with_cas,
)


def test_the_first_file_with_certificates_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty, bundle = tmp_path / "empty.pem", tmp_path / "bundle.pem"
    empty.touch()
    bundle.write_text(Authority("public").pem)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    paths = (str(tmp_path / "missing.pem"), str(tmp_path), str(empty), str(bundle))
    monkeypatch.setattr("durward.entrypoints.edge.ca_bundle.PATHS", paths)
    monkeypatch.setenv("SSL_CERT_FILE", str(empty))
    assert find_ca_bundle() == str(bundle)
    assert with_cas(node()).ca_bundle == str(bundle)
    monkeypatch.setattr("durward.entrypoints.edge.ca_bundle.PATHS", paths[:3])
    assert with_cas(node()).ca_bundle == ""
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    assert find_ca_bundle() == str(bundle)


def test_a_file_that_the_operator_names_is_taken_or_refused(tmp_path: Path) -> None:
    named = tmp_path / "ours.pem"
    mine = replace(node(), ca_bundle=str(named))
    with pytest.raises(Misconfigured, match=r"ours.pem` has no certificates"):
        with_cas(mine)
    named.write_text(Authority("ours").pem)
    assert with_cas(mine) == mine


@pytest.mark.requirement("API10-1")
def test_without_cas_what_needs_them_is_closed_not_unverified_and_named() -> None:
    public = replace(API, id=ApiId("public"), upstream=PUBLIC)
    ours = replace(API, id=ApiId("ours"), upstream=SERVICE)
    snapshot = replace(SNAPSHOT, apis=(API, public, ours))
    assert closed_without_cas(snapshot, replace(node(), ca_bundle="/bundle.pem")) == ""
    assert closed_without_cas(snapshot, node()).endswith("so these APIs answer 503: public")
    addresses = service(public, node())["load_assignment"]
    assert addresses == {"cluster_name": "api-public", "endpoints": [{"lb_endpoints": []}]}
    many = replace(SNAPSHOT, apis=(public,) * 30)
    assert closed_without_cas(many, node()).endswith("public and 10 more")


def test_a_file_that_is_replaced_is_another_copy_and_a_broken_one_is_told(tmp_path: Path) -> None:
    """Also where it is replaced by a rename, or is a link that is set anew."""
    named, kept = tmp_path / "ours.pem", KeptCas(tmp_path / "cas", str(tmp_path / "ours.pem"))
    first, second = Authority("first").pem, Authority("second").pem
    named.write_text(first)
    copy = kept.current(str(named))
    assert Path(copy).read_text() == first
    assert kept.current(copy) == copy
    for broken in ("", "no certificate", second[:200], second.replace("M", "!")):
        named.write_text(broken)
        assert kept.current(copy) == copy
        assert kept.trouble.startswith(f"the CAs of before stay, since `{named}` cannot be used:")
    named.unlink()
    assert kept.current(copy) == copy
    assert "No such file" in kept.trouble
    (tmp_path / "fresh.pem").write_text(f"# both, in an ä\n{first}{second}")
    (tmp_path / "fresh.pem").rename(named)
    other = kept.current(copy)
    assert (Path(other).read_bytes(), kept.trouble) == (named.read_bytes(), "")
    assert other != copy
    kept.forget_others(other)
    assert [str(path) for path in kept.folder.iterdir()] == [other]
    kept.retry("Envoy did not take it")
    assert kept.trouble.endswith("Envoy did not take it")
    assert kept.current(copy) == other, "it is tried again"
    named.unlink()
    (tmp_path / "2").write_text(second)
    named.symlink_to(tmp_path / "2")
    assert Path(kept.current(other)).read_text() == second


def test_a_file_of_the_system_may_come_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle.pem"
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    monkeypatch.setattr("durward.entrypoints.edge.ca_bundle.PATHS", ())
    kept = KeptCas(tmp_path / "cas", "")
    assert (kept.current(""), kept.trouble) == ("", "")
    bundle.write_text(Authority("public").pem)
    assert Path(kept.current("")).read_text() == bundle.read_text()
