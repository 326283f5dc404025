"""People: their names, their attributes, and the consequences of a change."""
