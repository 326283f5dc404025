"""Use cases, one module each: load facts, decide by a pure function, record effects."""
