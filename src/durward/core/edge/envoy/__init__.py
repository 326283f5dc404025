"""Envoy's configuration as plain JSON values, one module per concept of Envoy.

No template and no protobuf: every builder returns what Envoy's JSON reader reads. Envoy runs with
`--reject-unknown-dynamic-fields`, so that a slip is refused instead of failing open.
"""
