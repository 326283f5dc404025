"""Records of two users, as the certification of AuthZEN has them, in declarations of ours."""

from typing import Any

from tests.issuer import sample

from durward.core.configuration.configuration import Configuration, read_configuration
from durward.core.configuration.declaration import Declaration, DeclarationKind

VERSION = "2012-10-17"
ALL = "arn:durward:records:default:${durward:TenantId}:record/*"


def operation(name: str, method: str) -> dict[str, Any]:
    names = {"action": f"records:{name}", "resource": "record/{id}", "tenant": "{tenant}"}
    return {method: {"operationId": name, "x-durward": names}}


def allow(action: str, **condition: Any) -> dict[str, Any]:
    found = {"Effect": "Allow", "Action": f"records:{action}", "Resource": ALL}
    return found | ({"Condition": condition} if condition else {})


def status(value: str) -> dict[str, Any]:
    return {"StringEquals": {"durward:ResourceAttr/status": value}}


DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "DecisionLog", "version": "1"},
    "paths": {
        "/{tenant}/{id}": {
            **operation("read", "get"),
            **operation("write", "put"),
            **operation("delete", "delete"),
        }
    },
}
SOFT = {"Bool": {"durward:RequestTag/soft": "true"}}
DECLARED: dict[DeclarationKind, dict[str, Any]] = {
    DeclarationKind.POLICY: {
        "authors": {
            "Version": VERSION,
            "Statement": [
                allow("read"),
                allow("write", **status("active")),
                allow("delete", **SOFT),
            ],
        },
        "archivists": {
            "Version": VERSION,
            "Statement": [allow("read"), allow("write", **status("archived"))],
        },
    },
    DeclarationKind.ROLE: {
        "author": {"policies": ["authors"]},
        "archivist": {"policies": ["archivists"]},
    },
    DeclarationKind.API: {
        "records": {
            "audience": "https://records.example",
            "upstream": "unix:/nowhere.sock",
            "openapi": DOCUMENT,
            "objects": {
                "record/record-1": {"tenant": "acme", "attributes": {"status": "active"}},
                "record/record-2": {"tenant": "acme", "attributes": {"status": "archived"}},
            },
        }
    },
    DeclarationKind.USER: {
        "alice": {"id": "alice", "tenant": "acme", "roles": ["author"]},
        "bob": {"id": "bob", "tenant": "acme", "roles": ["archivist"]},
    },
    DeclarationKind.CLIENT: {
        "gate": {"tenant": "acme", "grants": ["client_credentials"], "authzen_apis": ["records"]},
        "other-gate": {
            "tenant": "acme",
            "grants": ["client_credentials"],
            "authzen_apis": ["orders"],
        },
    },
}


def declarations() -> list[Declaration]:
    return [
        Declaration(kind, name, body)
        for kind, bodies in DECLARED.items()
        for name, body in bodies.items()
    ]


def configuration() -> Configuration:
    """The records beside what the sample declares."""
    return read_configuration([*sample(), *declarations()])
