"""The audit log: events, the tree over them, the checkpoints that prove it."""
