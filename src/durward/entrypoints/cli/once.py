"""Secrets that are shown once, to their owner: on a terminal, or in a file of credentials."""

import contextlib
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from durward.core.errors import Misconfigured
from durward.entrypoints.control import Control, path_of
from durward.entrypoints.credentials import add_credentials, check_credentials
from durward.entrypoints.outcome import stays
from durward.entrypoints.terminal import say, warn

ANEW = {"users": "durward users password NAME", "clients": "durward clients secret NAME"}
"""What makes a secret that was lost anew: the one that nobody has ends."""


def has_place(credentials: Path | None) -> bool:
    """Whether a secret that is made now reaches its owner. Raises Misconfigured for a bad file."""
    if credentials is not None:
        check_credentials(credentials)
    return credentials is not None or sys.stdout.isatty()


def make_and_show(
    what: str, name: str, part: str, control: Control, credentials: Path | None
) -> None:
    """Have a secret made in place of the former, and show it.

    Raises Misconfigured where it would be lost, before it is made.
    """
    if not has_place(credentials):
        if name not in control.get("/admin/v1/declarations").get(part, {}):
            raise Misconfigured(f"{part}/{name}", "is not declared", hint="durward export")
        hint = "it is shown once, on a terminal; else name a file: --credentials FILE"
        raise Misconfigured(f"{part} {what}", f"the {what} would be lost", hint=hint)
    anew = f"do it again: a {what} that was made and nobody has ends"
    made = control.post(path_of(part, name, what), {}, anew)[what]
    with stays(f"a new {what} of {name} is made, and the former does not count any more", anew):
        show(what, {name: made}, part, credentials)


def show(what: str, secrets: Mapping[str, str], part: str, credentials: Path | None) -> None:
    """Show secrets to their owner; Ctrl-C waits until that is done.

    Where the file fails that could be written a moment ago, they are shown on the terminal, if
    there is one. Raises Misconfigured where they are lost, and says how they are made anew.
    """
    if not secrets:
        return
    with interrupts_deferred():
        if credentials is not None:
            try:
                add_credentials(credentials, secrets, part)
            except Misconfigured as error:
                if not sys.stdout.isatty():
                    hint = f"{error.hint}; `{ANEW[part]}` makes another"
                    raise Misconfigured(error.path, error.problem, hint=hint) from error
                warn(f"{error}; so it is shown here")
            else:
                many = len(secrets) > 1
                told = f"{what}s of" if many else f"the {what} of"
                say(f"{told} {', '.join(secrets)} {'are' if many else 'is'} in {credentials}")
                return
        for name, secret in secrets.items():
            say(f"{what} of {name}, shown only now: {secret}")


@contextlib.contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Hold Ctrl-C back until something is done that would else be lost."""
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
