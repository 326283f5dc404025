"""Keys: those that sign, and the envelope in which they and other secrets rest."""
