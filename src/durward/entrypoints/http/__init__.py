"""HTTP: one module per endpoint."""
