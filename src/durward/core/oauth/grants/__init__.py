"""Grant types: one module each, from facts to a decision."""
