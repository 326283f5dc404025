"""What authors of APIs import: the edge's policy engine, inside a service. It imports only core."""
