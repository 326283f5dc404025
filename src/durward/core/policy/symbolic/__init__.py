"""Questions about all requests at once: is there one for which a predicate holds?

`solve` is the entry: it asks the question without variables first (`relaxed`) and splits what is
too hard into `cases`. `model` finds a whole request: `constraints` takes the predicate apart,
`variables` assigns what patterns read (from their `occurrences`), `symbolic_principal` stands for
whoever asks, `theory` finds the value of one key. `translation` turns conditions on one string into
patterns, and `strings` finds one for these: the automata of `language`, `numbers` and `addresses`
read it character by character; `folding` tells which are the same apart from case. `breakpoints`
are values that represent all others. `outline` skips statements that cannot matter. Where neither a
request nor a proof is found, `Unknown` is raised.
"""
