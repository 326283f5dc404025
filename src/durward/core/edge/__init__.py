"""The edge as values: the snapshot of a node, Envoy's configuration, the decision of a request."""
