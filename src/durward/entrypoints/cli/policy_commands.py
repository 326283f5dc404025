"""`durward policy`: check, test, compare and prove policies before they are in force."""

from cyclopts import App

from durward.entrypoints.cli.policy_checks import check, lint
from durward.entrypoints.cli.policy_explain import explain_request
from durward.entrypoints.cli.policy_questions import (
    diff,
    equivalent,
    prove,
    public,
    what_can,
    who_can,
)
from durward.entrypoints.cli.policy_redundant import redundant_statements
from durward.entrypoints.cli.policy_tests import run_tests

GATES = (
    "Exit code 1 means a finding, as each command's help says. "
    "Exit code 2 means no answer: a file is missing or invalid, "
    "or the question cannot be decided."
)
policy = App(
    name="policy",
    help="Check, lint, test, compare and prove policies before they are in force.\n\n" + GATES,
    result_action="return_value",
)
policy.command(check)
policy.command(lint)
policy.command(run_tests, name="test")
policy.command(explain_request, name="explain")
policy.command(diff)
policy.command(equivalent)
policy.command(redundant_statements, name="redundant")
policy.command(who_can)
policy.command(what_can)
policy.command(public)
policy.command(prove)
