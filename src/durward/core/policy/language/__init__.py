"""The language: documents and where they were written, dialects, patterns, operators, names."""
