"""The key of nobody is a key that Envoy and we can read, and comes from its text alone."""

from durward.core.edge.envoy.nobody import TEXT, B, P, nobodys_key, point
from durward.core.jose.jwk import KeySet


def test_the_key_of_nobody_lies_on_the_curve() -> None:
    x, y = point(TEXT)
    assert (y * y - (x**3 - 3 * x + B)) % P == 0
    assert point(TEXT) != point(b"another text")
    (key,) = KeySet.parse({"keys": [dict(nobodys_key())]}).keys
    assert key.algorithm == "ES256"
