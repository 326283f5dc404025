"""The `durward` command."""

import sys

from durward.entrypoints.cli.app import run
from durward.entrypoints.operator_messages import open_closed_streams


def main() -> None:
    """Run the command line."""
    open_closed_streams()
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
