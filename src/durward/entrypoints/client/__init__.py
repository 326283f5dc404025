"""The client's side of the protocols, as the command line plays it."""
