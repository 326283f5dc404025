"""An explanation from the record is the one that could have been given with the decision."""

from dataclasses import replace

from hypothesis import given, settings
from tests.depth import depth
from tests.property.test_nearest_miss import SCOPES, World, open_to_all, requests, worlds

from durward.core.edge.decision_record import DecisionRecord, Stage
from durward.core.edge.explained import explained
from durward.core.edge.inputs import inputs_of
from durward.core.edge.parts import POLICIES, PoliciesPart, digest_of, part_of_policies, read_part
from durward.core.policy.analysis.explain import explain
from durward.core.policy.engine.bundle import Bundle, compile_bundle
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.values import DecisionId, Instant


def bundle_of(world: World) -> Bundle:
    named = {name: name.replace("/", "-") for name in world}
    documents = {named[name]: body for name, body in world.items()}
    if "resource" in world:
        documents["resource"] = open_to_all(world)
    return Bundle(
        documents=documents,
        identity={name: (named[name],) for name in world if name.startswith("role/")},
        resources={"orders": ("resource",)} if "resource" in world else {},
    )


def with_own(person: Principal | None, world: World) -> Principal:
    """What is of `user/ann` comes with the person."""
    assert person is not None
    boundary = ("boundary",) if "boundary" in world else ()
    return replace(person, policies=("user-ann",), boundary=boundary)


def as_published(part: bytes) -> Bundle:
    """Members of a document have no order: those of a part are sorted."""
    content = read_part(POLICIES, part).content
    assert isinstance(content, PoliciesPart)
    return content.policies


@settings(max_examples=depth(80, long=300))
@given(worlds, requests)
def test_nothing_gets_lost_between_a_decision_and_its_explanation(
    world: World, request: AccessRequest
) -> None:
    part, person = part_of_policies(bundle_of(world)), with_own(request.principal, world)
    request = replace(request, principal=person)
    policies = compile_bundle(as_published(part), SCOPES)
    answer = policies.evaluate(request)
    decision = DecisionRecord(
        id=DecisionId("d_1"),
        at=Instant(1),
        allowed=answer.allowed,
        status=200,
        stage=Stage.POLICY,
        reason="",
        method="GET",
        path="/",
        source="",
        action=request.action,
        resource=request.resource,
        subject=person.subject,
        tenant=person.tenant,
        because=answer.because,
        inputs=inputs_of(policies, digest_of(part), request, allowed=answer.allowed),
    )
    assert explained(DecisionRecord.from_wire(decision.to_wire()), part) == explain(
        policies, request
    )
