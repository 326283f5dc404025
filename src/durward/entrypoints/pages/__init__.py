"""Pages for people: plain HTML forms, no script."""
