"""The edge on a node: the agent, Envoy, its files, the decision points, the spool."""
