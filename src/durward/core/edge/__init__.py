"""The edge as values: what a node must enforce, how Envoy is told, how a request is decided."""
