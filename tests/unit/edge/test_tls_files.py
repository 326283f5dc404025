"""Certificates are read at the start and at each change; what is broken is told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.certificates import Authority

from durward import clock
from durward.core.api import Api
from durward.core.edge.envoy.client_tls import CLIENT_CAS, ISSUER_SERVER, SERVER
from durward.core.edge.envoy.types import Config
from durward.core.edge.node import ClientCertificates, Node, Tls
from durward.core.edge.server_certificate import ServerCertificate
from durward.core.edge.snapshot import Snapshot
from durward.core.errors import Misconfigured, Unavailable
from durward.core.upstream import Upstream
from durward.core.values import MICROSECONDS, ApiId
from durward.entrypoints.edge.tls_files import TlsFiles
from durward.entrypoints.edge.xds import ResourceFiles
from durward.settings import EdgeSettings

CA = Authority("tests")
GOOD, OTHER = CA.issue("api.example"), CA.issue("api.example")


def write(folder: Path, certificate: str, key: str) -> None:
    (folder / "tls.crt").write_text(certificate)
    (folder / "tls.key").write_text(key)


def files_of(folder: Path) -> TlsFiles:
    """A node that starts with what is in the folder."""
    tls = Tls(certificate=str(folder / "tls.crt"), key=str(folder / "tls.key"))
    return TlsFiles(tls, resources(folder))


def resources(folder: Path) -> ResourceFiles:
    return ResourceFiles(folder / "envoy", Path("/bin/false"))


def test_a_node_starts_with_what_is_in_the_files(tmp_path: Path) -> None:
    write(tmp_path, GOOD.certificate, GOOD.key)
    files = files_of(tmp_path)
    assert list(files.write_first()) == files.warnings() == []
    assert str(resources(tmp_path).read_secret(SERVER)).count("PRIVATE KEY") == 2


def test_without_anything_good_a_node_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="No such file"):
        list(files_of(tmp_path).write_first())
    write(tmp_path, GOOD.certificate, OTHER.key)
    with pytest.raises(Misconfigured, match="does not fit"):
        list(files_of(tmp_path).write_first())


@pytest.mark.parametrize("lost", [True, False])
def test_a_node_with_broken_files_starts_with_what_was_in_force(tmp_path: Path, lost: bool) -> None:
    write(tmp_path, GOOD.certificate, GOOD.key)
    list(files_of(tmp_path).write_first())
    before = resources(tmp_path).read_secret(SERVER)
    write(tmp_path, GOOD.certificate, OTHER.key)
    if lost:
        (tmp_path / "tls.key").unlink()
    files = files_of(tmp_path)
    told = list(files.write_first())
    assert told == files.warnings()
    assert "the former one stays in force" in told[0]
    assert resources(tmp_path).read_secret(SERVER) == before
    assert files.certificate()


def test_a_former_certificate_that_has_expired_is_not_started_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = CA.issue("api.example", ends=datetime.now(UTC) + timedelta(days=3))  # noqa: TID251
    write(tmp_path, short.certificate, short.key)
    files = files_of(tmp_path)
    assert list(files.write_first()) == []
    assert "expires on" in files.warnings()[0]
    (tmp_path / "tls.key").unlink()
    later = clock.now() + 4 * 86_400 * MICROSECONDS
    monkeypatch.setattr(clock, "now", lambda: later)
    with pytest.raises(Misconfigured, match="No such file"):
        list(files_of(tmp_path).write_first())


class Listener:
    """Takes what it is given, unless it `refuses`."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.refuses = False

    async def put(self, name: str, _: Config, certificate: ServerCertificate | None) -> None:
        if self.refuses:
            raise Unavailable("Envoy did not take it")
        self.shown.append(certificate.chain if certificate else name)

    def look(self, files: TlsFiles) -> list[str]:
        """What is told of one look at the files."""
        looking = files.look(self.put)
        try:
            looking.send(None)
        except StopIteration as done:
            told: list[str] = done.value
            return told
        raise AssertionError("it waits for somebody")


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    write(tmp_path, GOOD.certificate, GOOD.key)
    found = files_of(tmp_path)
    list(found.write_first())
    return found


def test_a_pair_that_changes_one_file_after_the_other_is_no_news(
    files: TlsFiles, tmp_path: Path
) -> None:
    listener = Listener()
    (tmp_path / "tls.crt").write_text(OTHER.certificate)
    assert listener.look(files) == listener.shown == []
    (tmp_path / "tls.key").write_text(OTHER.key)
    assert listener.look(files) == ["edge.tls.certificate: the content of its files is in force"]
    assert listener.shown == [OTHER.certificate]
    assert listener.look(files) == files.warnings() == []


def test_a_pair_that_stays_broken_is_told_once(files: TlsFiles, tmp_path: Path) -> None:
    listener = Listener()
    write(tmp_path, OTHER.certificate, GOOD.key)
    assert listener.look(files) == files.warnings() == []
    (told,) = listener.look(files)
    assert "take both from one issuance" in told
    assert listener.look(files) == listener.look(files) == listener.shown == []
    assert files.warnings() == [told]
    write(tmp_path, GOOD.certificate, GOOD.key)
    assert listener.look(files) == ["edge.tls.certificate: the content of its files is in force"]
    assert files.warnings() == []


def test_a_file_that_comes_back_as_it_was_is_no_trouble_any_more(
    files: TlsFiles, tmp_path: Path
) -> None:
    listener, key, aside = Listener(), tmp_path / "tls.key", tmp_path / "aside"
    key.rename(aside)
    listener.look(files)
    assert "No such file" in listener.look(files)[0]
    aside.rename(key)
    listener.look(files)
    assert files.warnings() == []


def test_what_envoy_does_not_take_is_tried_again(files: TlsFiles, tmp_path: Path) -> None:
    listener = Listener()
    listener.refuses = True
    write(tmp_path, OTHER.certificate, OTHER.key)
    (told,) = listener.look(files)
    assert "Envoy did not take it; the former one stays in force" in told
    assert listener.look(files) == []
    assert files.warnings() == [told]
    shown = files.certificate()
    assert shown
    assert shown.chain == GOOD.certificate
    listener.refuses = False
    assert len(listener.look(files)) == 1
    assert listener.shown == [OTHER.certificate]
    assert files.warnings() == []


def test_each_listener_and_the_clients_have_files_of_their_own(tmp_path: Path) -> None:
    write(tmp_path, GOOD.certificate, GOOD.key)
    issuer = CA.issue("login.example")
    (tmp_path / "id.pem").write_text(issuer.certificate + issuer.key)
    (tmp_path / "ca.pem").write_text(CA.pem)
    tls = Tls(
        certificate=str(tmp_path / "tls.crt"),
        key=str(tmp_path / "tls.key"),
        issuer_certificate=str(tmp_path / "id.pem"),
        issuer_key=str(tmp_path / "id.pem"),
        clients=ClientCertificates.REQUEST,
        client_ca=str(tmp_path / "ca.pem"),
    )
    files = TlsFiles(tls, resources(tmp_path))
    assert list(files.write_first()) == []
    assert files.names == {SERVER, ISSUER_SERVER, CLIENT_CAS}
    shown = files.certificate(of_issuer=True)
    assert shown
    assert shown.names == ("login.example",)
    (tmp_path / "ca.pem").write_text(GOOD.key)
    listener = Listener()
    assert listener.look(files) == []
    (told,) = listener.look(files)
    assert "has a private key" in told
    (tmp_path / "ca.pem").write_text(Authority("next").pem)
    assert len(listener.look(files)) == 1
    assert listener.shown == [CLIENT_CAS]


def node_at(issuer: str | None) -> Node:
    """A node whose APIs are at port 443."""
    tls = Tls(certificate="c", key="k")
    settings = EdgeSettings(
        apis="127.0.0.1:443", issuer=issuer, runtime="/r", state="/s", control_plane="/c", tls=tls
    )
    return settings.node()


def test_hosts_without_a_certificate_are_told(tmp_path: Path) -> None:
    write(tmp_path, GOOD.certificate, GOOD.key)
    files = files_of(tmp_path)
    list(files.write_first())
    api = Api(
        ApiId("a"), "https://api.example/a", "default", Upstream(()), (), {}, hosts=("api.example",)
    )
    snapshot = Snapshot(1, "https://api.example:8443", (), (api,))
    apart = node_at("127.0.0.1:8443")
    assert files.misfits(snapshot, apart) == []
    elsewhere = replace(api, hosts=("api.example", "b.example", "a.example"))
    snapshot = Snapshot(1, "https://login.example", (), (elsewhere,))
    of_apis = "the certificate of the APIs is not valid for `a.example`, `b.example`"
    of_issuer = "the certificate of the issuer is not valid for `login.example`"
    assert files.misfits(snapshot, apart) == [of_issuer, of_apis]
    assert files.misfits(snapshot, node_at(None)) == [of_apis]
    plain = Snapshot(1, "http://localhost:8470", (), ())
    (told,) = files.misfits(plain, apart)
    assert told.startswith("the issuer is http://localhost:8470")
    numbered = Snapshot(1, "https://127.0.0.1", (), ())
    (told,) = files.misfits(numbered, apart)
    assert told == "the certificate of the issuer is not valid for `127.0.0.1`"
    assert "give it a host name" in files.misfits(numbered, node_at("127.0.0.1:443"))[1]


def test_a_key_that_is_needed_no_more_is_removed(tmp_path: Path) -> None:
    write(tmp_path, GOOD.certificate, GOOD.key)
    list(files_of(tmp_path).write_first())
    resources(tmp_path).forget_secrets({SERVER, CLIENT_CAS})
    assert resources(tmp_path).read_secret(SERVER) is None
