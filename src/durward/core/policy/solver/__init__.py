"""Questions about all requests at once: is there one for which a predicate holds?

`wishes` takes a predicate apart, `variables` settles what patterns read, `theory` finds the value
of one key and `globs` a text, `model` a whole request; `outline` passes over what cannot matter.
"""
