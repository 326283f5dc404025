"""The tree of commands, each imported only when it runs."""

import sys

from cyclopts import App, CycloptsError

from durward import __version__
from durward.core.errors import DurwardError, Misconfigured

USAGE_ERROR = 2

COMMANDS = (
    ("demo", "Start everything on loopback, with a sample API behind the edge."),
    ("edge", "Run the edge on this machine: Envoy, the decision points, their agent."),
    ("explain", "Show why a request was decided as it was."),
    ("version", "Show the version of Durward and of the parts it runs on."),
    ("doctor", "Look whether this machine has what Durward needs."),
)


def app() -> App:
    """The `durward` command."""
    root = App(
        name="durward",
        help="Zero-trust API security in one install.",
        version=__version__,
        help_format="plaintext",
        result_action="return_value",
    )
    for name, summary in COMMANDS:
        root.command(f"durward.faces.cli.{name}:{name}", name=name, help=summary)
    return root


def run(arguments: list[str]) -> int:
    """Run one command; the exit code is 0, 1 for a failure, 2 for a wrong call."""
    try:
        outcome = app()(arguments, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return complain(str(error), hint="durward --help", code=USAGE_ERROR)
    except KeyboardInterrupt:
        return 130
    except Misconfigured as error:
        return complain(f"{error.path}: {error.problem}", hint=error.hint)
    except DurwardError as error:
        return complain(str(error))
    except BrokenPipeError:
        return 1
    return outcome if isinstance(outcome, int) else 0


def complain(problem: str, *, hint: str = "", code: int = 1) -> int:
    """Say on standard error what is wrong and what to try."""
    print(f"error: {problem}", file=sys.stderr)
    if hint:
        print(f"hint: {hint}", file=sys.stderr)
    return code
