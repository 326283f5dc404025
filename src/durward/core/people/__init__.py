"""People: how they are named, what they are, and what a change of one takes away."""
