"""The explanation of a recorded decision, computed on demand from the same policies.

Later declarations have no influence: the inputs, the scopes that cover the action and the hash of
the policies are in the record. An explanation that cannot be computed is not guessed.
"""

from dataclasses import dataclass

from durward.core.edge.decision_record import DecisionRecord
from durward.core.edge.inputs import context_of, principal_of
from durward.core.edge.parts import POLICIES, PoliciesPart, digest_of, read_part
from durward.core.errors import Misconfigured
from durward.core.policy.analysis.available_keys import Caller
from durward.core.policy.analysis.explain import Explanation, explain
from durward.core.policy.engine.bundle import compile_bundle
from durward.core.policy.engine.request import AccessRequest
from durward.core.policy.language.source import PolicyError


@dataclass(frozen=True, slots=True)
class Unexplained:
    """The reason why a recorded decision cannot be explained."""

    why: str


def explained(decision: DecisionRecord, policies: bytes | None) -> Explanation | Unexplained | None:
    """The explanation of a decision; `policies` is the part that it names, if it exists.

    None if no policy decided: then the record has the whole reason. If the computation leads to
    another decision than the recorded one, it is not used.
    """
    inputs = decision.inputs
    if decision.explanation or inputs is None:
        return decision.explanation
    if inputs.left_out:
        missing = ", ".join(f"`{key}`" for key in inputs.left_out)
        return Unexplained(f"the record has not all values that policies compared: {missing}")
    if policies is None or digest_of(policies) != inputs.policies:
        return Unexplained(f"the policies that decided ({inputs.policies}) are no longer stored")
    try:
        content = read_part(POLICIES, policies).content
        if not isinstance(content, PoliciesPart):
            return Unexplained("the policies that decided have an unknown format")
        covered = frozenset({decision.action or ""})
        scopes = dict.fromkeys(inputs.scopes_needed, covered)
        known = compile_bundle(content.policies, scopes)
    except (Misconfigured, PolicyError) as error:
        return Unexplained(f"the policies that decided cannot be read: {error}")
    principal = principal_of(
        inputs, decision.subject or "", decision.client or "", decision.tenant or ""
    )
    action, resource = decision.action or "", decision.resource or ""
    caller = Caller.OTHERS if decision.asked_by else Caller.EDGE
    request = AccessRequest(principal, action, resource, context_of(inputs))
    found = explain(known, request, caller)
    if (found.is_allowed, found.because) != (decision.allowed, decision.because):
        return Unexplained("the recorded values lead to another decision than the one recorded")
    return found
