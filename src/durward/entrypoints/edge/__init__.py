"""The edge on a node: the agent, Envoy and its files, the decision points, the spool."""
