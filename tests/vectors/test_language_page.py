"""Every example of `docs/policy-language.md`, decided by the engine and by the naive evaluator."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.oracle import naive_policy

from durward.core.policy.engine.evaluate import Policies, PolicySet
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.policy.language.document import PolicyKind, parse_document

PAGE = Path(__file__).parent.parent.parent / "docs" / "policy-language.md"
EXAMPLE = re.compile(r"```yaml (resource )?policy\n(.*?)```\n```yaml requests\n(.*?)```", re.DOTALL)
ANN = {"subject": "ann", "tenant": "acme"}


def examples() -> Iterator[Any]:
    found = EXAMPLE.findall(PAGE.read_text())
    for number, (resource, policy, requests) in enumerate(found, 1):
        for place, asked in enumerate(yaml.safe_load(requests), 1):
            kind = PolicyKind.RESOURCE if resource else PolicyKind.IDENTITY
            yield pytest.param(kind, policy, asked, id=f"{number}.{place}")


def test_every_block_of_the_page_is_an_example() -> None:
    text = PAGE.read_text()
    assert text.count("```yaml") == 2 * len(EXAMPLE.findall(text)) > 0


@pytest.mark.parametrize(("kind", "policy", "asked"), list(examples()))
def test_an_example_is_decided_as_it_says(
    kind: PolicyKind, policy: str, asked: dict[str, Any]
) -> None:
    document = parse_document(policy.encode(), "example", kind)
    named = {**ANN, **asked.get("principal", {})}
    person = Principal(named["subject"], "user", named["tenant"], tuple(named.get("roles", ())))
    api = asked["action"].lower().partition(":")[0]
    policies = Policies(
        identity={} if kind is PolicyKind.RESOURCE else {person.attachments[0]: [document]},
        resources={api: [document]} if kind is PolicyKind.RESOURCE else {},
    )
    request = AccessRequest(person, asked["action"], asked["resource"], asked.get("context", {}))
    assert PolicySet(policies).evaluate(request).result.value == asked["expect"]
    context = naive_policy.read_context({**asked.get("context", {})})
    context |= {"durward:subject": person.subject, "durward:tenantid": person.tenant}
    layer = "resource" if kind is PolicyKind.RESOURCE else "identity"
    naive = naive_policy.decide(
        {layer: [[yaml.safe_load(policy)]]},
        list(person.arns),
        *(asked["action"], asked["resource"], context),
        cross_tenant=request.is_cross_tenant,
    )
    assert naive == asked["expect"]
