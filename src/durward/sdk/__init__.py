"""What authors of APIs import: the engine of the edge, inside a service. It stands on core."""
