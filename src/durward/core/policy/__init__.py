"""The policy engine: documents become predicates; predicates decide, are searched and explained.

`source` reads text, `document` the grammar in a `dialect`, `operators` the conditions, `pattern`
names with wildcards; `predicate` is what they compile to. `evaluate` decides, by `attached`,
`index`, `candidate_index` and the functions of `python`; `explain` tells why, `validity` for how
long; `find` asks about all requests at once, by `solver`.
"""
