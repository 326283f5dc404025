"""`durward policy`: check, compare and prove policies before they are in force."""

from cyclopts import App

from durward.faces.cli.policy_questions import diff, prove, what_can, who_can

policy = App(
    name="policy",
    help="Compare, prove and search policies before they are in force.",
    result_action="return_value",
)
for question, name in (
    (diff, "diff"),
    (who_can, "who-can"),
    (what_can, "what-can"),
    (prove, "prove"),
):
    policy.command(question, name=name)
