"""The declared configuration: one kind a module, its shape and its checks.

A declaration is a kind, a name and a body, such as a file holds under `roles: clerk: {…}`. Names
point at each other; nothing is accepted unless everything fits.
"""
