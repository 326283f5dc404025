"""The certificates of a service's CA: a path in the file, their text in the declaration."""

from pathlib import Path

import pytest
from tests.certificates import Authority

from durward.core.configuration.configuration import read_configuration
from durward.core.errors import Misconfigured
from durward.core.upstream import ServiceTls
from durward.entrypoints.declarations import read_declarations

CA = Authority("ours")
DOCUMENT = "{openapi: 3.1.0, paths: {/o: {get: {operationId: Get}}}}"


def declared(folder: Path, ca: str) -> Path:
    file = folder / "durward.yaml"
    upstream = f"{{url: 'https://o.internal', tls: {{ca: {ca}}}}}"
    file.write_text(
        f"apis:\n  o: {{audience: 'http://o', upstream: {upstream}, openapi: {DOCUMENT}}}\n"
    )
    return file


def test_the_path_is_beside_the_file_and_its_text_is_declared(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(f"# our CA\n{CA.pem}")
    (found,) = read_declarations(declared(tmp_path, "ca.pem"))
    assert found.body["upstream"] == {"url": "https://o.internal", "tls": {"ca": CA.pem}}
    assert read_configuration([found]).apis["o"].upstream.tls == ServiceTls("o.internal", CA.pem)


def test_what_export_prints_is_read_as_it_is(tmp_path: Path) -> None:
    inline = '"' + CA.pem.replace("\n", "\\n") + '"'
    (found,) = read_declarations(declared(tmp_path, inline))
    assert found.body["upstream"] == {"url": "https://o.internal", "tls": {"ca": CA.pem}}


@pytest.mark.parametrize(
    ("ca", "told"),
    [
        ("missing.pem", "missing.pem: No such file"),
        ("folder", "folder: not a file"),
        ("''", "apis/o: upstream/tls/ca: is not a path"),
        ('"a\\nb"', "apis/o: upstream/tls/ca: is not a path"),
        ("empty.pem", "empty.pem: has no certificate"),
        ("large.pem", "large.pem: larger than"),
        ("key.pem", "key.pem: has a private key"),
        ("binary.der", "binary.der: has no certificate"),
    ],
)
def test_what_is_no_file_of_certificates_is_refused_by_its_name(
    tmp_path: Path, ca: str, told: str
) -> None:
    issued = CA.issue("o.internal")
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.pem").touch()
    (tmp_path / "large.pem").write_text("x" * 600_000)
    (tmp_path / "key.pem").write_text(issued.certificate + issued.key)
    (tmp_path / "binary.der").write_bytes(b"\x30\x82\x01\xff\xfe")
    with pytest.raises(Misconfigured, match=told) as caught:
        read_declarations(declared(tmp_path, ca))
    assert issued.key.splitlines()[1] not in f"{caught.value}{caught.value.hint}"
