"""The policy engine for a service: the same documents and the same evaluator as at the edge.

A `PolicySet` is compiled once, and any number of threads may read it. `evaluate` decides one
request, `recall` does so with a cache, `evaluate_many` decides about many objects, `what_can` about
many actions; `valid_until` is the time until which a decision may be kept, `explain` gives its
reasons. No function uses a network or a clock: the time is a key of the request.
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
