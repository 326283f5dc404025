"""The tree of commands, each imported only when it runs.

The overview is printed from the table below, without the parser: reading help takes no time.
"""

import traceback
from typing import TYPE_CHECKING

from durward import __version__
from durward.core.difference import printable
from durward.core.errors import DurwardError, Misconfigured
from durward.entrypoints.cli.exit_code import DONE, FAILED, FOUND, IN_SHORT, INTERRUPTED
from durward.entrypoints.command import durward, with_script_name
from durward.entrypoints.outcome import Done, Interrupted, Unsettled
from durward.entrypoints.terminal import say_json, say_text, warn

if TYPE_CHECKING:
    from cyclopts import App, CycloptsError

SUMMARY = "Zero-trust API security in one install."
ASKING_FOR_HELP: list[list[str]] = [[], ["--help"], ["-h"]]

COMMANDS = (
    ("demo", "demo", "Start everything on loopback, with a sample API behind the edge."),
    ("serve", "serve", "Run the control plane: authorization server, admin API, audit log."),
    ("edge", "edge", "Run the edge on this machine: Envoy, the decision points, their agent."),
    ("protect", "protect", "Propose declarations for a service, from its OpenAPI document."),
    ("plan", "declare", "Show what `apply` would change."),
    ("apply", "declare", "Apply declarations: all or nothing, in force when it returns."),
    ("status", "status", "Show which nodes have the latest version in force."),
    ("export", "declare", "Print all declarations, as `apply` reads them."),
    ("history", "declare", "List the published versions, the newest last."),
    (
        "policy",
        "policy_commands",
        "Check, lint, test, compare and prove policies before they are in force.",
    ),
    ("people", "people", "List, add, change, disable or delete people; reset passwords."),
    ("groups", "groups", "Manage groups of people."),
    ("clients", "clients", "Show clients (applications and services), and manage their secrets."),
    ("call", "call", "Call a protected API as a user or a client, by the real OAuth flows."),
    (
        "token",
        "printed_token",
        "Print an access token of a user or a client, for curl, say.",
    ),
    ("explain", "explain", "Explain why a request was allowed or denied."),
    ("logs", "audit", "Show decisions, sign-ins and changes, the newest last."),
    ("audit", "audit", "Verify the audit log."),
    ("keys", "keys", "Show or rotate the signing keys."),
    ("restored", "restored", "Report that the database was restored from a backup."),
    ("version", "version", "Show the version of Durward and of the parts it runs on."),
    ("doctor", "doctor", "Check that this machine meets Durward's requirements."),
)
"""Each command, the module that holds it, and its line in the help."""


def app() -> "App":
    """The `durward` command."""
    # Imported here: a third of a second that the overview does not need.
    from cyclopts import App, Parameter  # noqa: PLC0415

    root = App(
        name="durward",
        help=SUMMARY,
        version=__version__,
        help_format="plaintext",
        # A switch is given or not: no `--no-no-wait`.
        default_parameter=Parameter(negative=(), show_default=shown_default),
        result_action="return_value",
    )
    for name, module, _ in COMMANDS:
        root.command(f"durward.entrypoints.cli.{module}:{name}", name=name)
    return root


def shown_default(value: object) -> object:
    """What the help shows as the default of an option; None, nothing, where the option is off."""
    return value or None


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; every failure is FAILED."""
    if arguments in ASKING_FOR_HELP:
        say_text(overview())
        return DONE
    from cyclopts import CycloptsError  # noqa: PLC0415

    try:
        outcome = app()(arguments, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return complain(misunderstood(error), hint=how_to_call(error))
    except KeyboardInterrupt:
        return INTERRUPTED
    except Interrupted as error:
        failed(arguments, str(error), error.hint)
        return INTERRUPTED
    except (Unsettled, Done) as error:  # the change is, or may be, made: not FAILED
        failed(arguments, str(error), error.hint)
        return FOUND
    except Misconfigured as error:
        return failed(arguments, f"{printable(error.path)}: {error.problem}", error.hint)
    except DurwardError as error:
        return failed(arguments, str(error), getattr(error, "hint", ""))
    except BrokenPipeError:
        return FAILED
    except Exception:  # noqa: BLE001 - a fault of ours must not look like a finding
        warn(*_lines("error", traceback.format_exc().rstrip()))
        return FAILED
    return outcome if isinstance(outcome, int) else DONE


def failed(arguments: list[str], problem: str, hint: str) -> int:
    """Report an error on standard error, and as JSON where `policy --json` was called."""
    if arguments[:1] == ["policy"] and "--json" in arguments:
        say_json({"error": with_script_name(problem), "hint": with_script_name(hint)})
    return complain(problem, hint=hint)


def misunderstood(error: "CycloptsError") -> str:
    """Describe a wrong call in one line."""
    from cyclopts import UnusedCliTokensError  # noqa: PLC0415

    if isinstance(error, UnusedCliTokensError):
        left = ", ".join(f"`{token}`" for token in error.unused_tokens or ())
        return f"unexpected arguments: {left}"
    return str(error).strip()


def how_to_call(error: "CycloptsError") -> str:
    """The command line that shows the help of the called command."""
    return durward(" ".join([*(error.command_chain or ()), "--help"]))


def overview() -> str:
    """The overview: one line for each command."""
    width = max(len(name) for name, _, _ in COMMANDS)
    lines = (f"  {name:{width}}  {summary}" for name, _, summary in COMMANDS)
    return "\n".join(
        [
            f"Usage: {durward('COMMAND')}",
            *("", SUMMARY, "", *lines, ""),
            f"`{durward('COMMAND --help')}` shows its options.",
            IN_SHORT,
        ]
    )


def complain(problem: str, *, hint: str = "") -> int:
    """Print a problem and its hint on standard error. Return FAILED."""
    warn(*_lines("error", problem))
    if hint:
        warn(*_lines("hint", hint))
    return FAILED


def _lines(title: str, told: str) -> list[str]:
    """A text that may quote others, in lines: only the first can begin with a title of ours."""
    first, *others = with_script_name(told).split("\n")
    return [f"{title}: {first}", *(x if x.startswith(" ") else f"  {x}" for x in others)]
