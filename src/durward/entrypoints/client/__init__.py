"""The client side of the protocols, for the command line."""
