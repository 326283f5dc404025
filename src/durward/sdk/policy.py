"""The policy engine for a service: the same documents, the same evaluator as at the edge.

A `PolicySet` is compiled once and read by as many threads as there are. `evaluate` decides one
request, `recall` the same from memory, `evaluate_many` about many objects, `what_can` about many
actions; `valid_until` says how long an answer may be kept, `explain` why it is so. Nothing is asked
of a network or a clock: the time is a key of the request.
"""

from durward.core.policy.analysis.explain import Explanation, explain
from durward.core.policy.engine.decision import Decision, Layer, Result
from durward.core.policy.engine.evaluate import Policies, PolicySet
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.policy.engine.validity import valid_until
from durward.core.policy.language.document import Document, parse_document
from durward.core.policy.language.source import PolicyError

__all__ = [
    "AccessRequest",
    "Decision",
    "Document",
    "Explanation",
    "Layer",
    "Policies",
    "PolicyError",
    "PolicySet",
    "Principal",
    "Result",
    "explain",
    "parse_document",
    "valid_until",
]
