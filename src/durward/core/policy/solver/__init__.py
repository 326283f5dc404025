"""Questions about all requests at once: is there one for which a predicate holds?

`solve` asks, and parts what is too hard at once into `cases`, after what `relaxed` says without
variables. `model` finds a whole request: `wishes` takes the predicate apart, `variables` settles
what patterns read (by `uses` of them), `somebody` is who asks, `theory` finds the value of one key.
`said` puts conditions on one text as patterns, and `texts` finds a text for these: `globs`,
`quantities` and `addresses` read it sign by sign; `points` stand for values without regard to their
spelling. `outline` passes over what cannot matter.
"""
