"""Floor 0, pure: bytes and values in, values out.

No await, clock, randomness, environment, logging, files or sockets.
`./check lint` holds it to that.
"""
