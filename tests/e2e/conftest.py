"""What takes minutes is for `./check scale` and `./check long`."""

from tests.depth import LONG

collect_ignore = [] if LONG else ["test_scale.py"]
