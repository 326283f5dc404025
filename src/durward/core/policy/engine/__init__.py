"""The engine: a statement becomes a predicate and a function; an index finds it for a request."""
