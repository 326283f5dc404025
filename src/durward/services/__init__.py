"""Use cases: one module each. Facts are loaded, a pure function decides, effects are recorded."""
