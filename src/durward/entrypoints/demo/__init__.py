"""The demo: the real processes on loopback, with a sample API behind the edge."""
