"""The policy engine: documents become predicates; predicates decide, are searched and explained.

`language` reads documents: `source` the text, `document` the grammar in a `dialect`, `operators`
the conditions, `pattern` names with wildcards. `engine` decides: a statement becomes a `predicate`
and a function (`compiled`), `index` finds those that can apply, `evaluate` combines them.
`symbolic` searches for a request that satisfies a predicate. `analysis` answers questions of
operators: `find`, `lint`, `redundancy`, `changes`, `suite`, and `explain` with the `nearest_miss`.

A room imports only those named before it.
"""
