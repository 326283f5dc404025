"""The policy engine: documents become predicates; predicates decide, are searched and explained.

`language` reads documents: `source` the text, `document` the grammar in a `dialect`, `operators`
the conditions, `pattern` names with wildcards. `engine` decides: a statement becomes a `predicate`
and a function (`compiled`), `index` finds those that can apply, `evaluate` combines them.
`symbolic` answers whether any request meets a predicate. `analysis` is what people ask: `find`,
`lint`, `redundancy`, `changes`, `suite`, and `explain` with the `nearest_miss`.

A room imports only those named before it.
"""
