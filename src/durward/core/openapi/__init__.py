"""OpenAPI documents: the inventory of an API's operations."""
