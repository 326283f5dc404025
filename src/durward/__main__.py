"""The `durward` command."""

import sys

from durward.faces.cli.app import run


def main() -> None:
    """Run the command line."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
