"""The policy engine: documents become predicates, predicates are evaluated and explained.

`source` reads text, `document` the grammar, `operators` the conditions, `pattern` names with
wildcards; `predicate` is what they compile to, `python` prints it as functions, `index` finds those
that a resource can concern, `block` has the plans of what is attached in one place; `evaluate`
decides, `explain` tells; `bundle` is how policies travel.
"""
