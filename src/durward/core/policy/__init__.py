"""The policy engine: documents become predicates, predicates are evaluated and explained.

`source` reads text, `document` the grammar, `operators` the conditions, `pattern` names with
wildcards; `predicate` is what they compile to, `evaluate` decides, `explain` tells.
"""
