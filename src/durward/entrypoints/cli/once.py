"""New secrets, which are shown once: on a terminal, or in a file of credentials."""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from durward.core.errors import Misconfigured
from durward.entrypoints.control import Control, path_of
from durward.entrypoints.credentials import add_credentials, check_credentials
from durward.entrypoints.outcome import stays
from durward.entrypoints.terminal import say, warn

ANEW = {"users": "durward people password NAME", "clients": "durward clients secret NAME"}
"""The command that replaces a lost secret, by the part of a file of credentials."""


@dataclass(frozen=True)
class Owners:
    """Whose secrets they are."""

    path: str
    """Where the admin API has them."""
    part: str
    """Where files of credentials have them."""
    check: Callable[[Control, str], object]
    """Find one of them by name. Raises Misconfigured for nobody."""


def has_place(credentials: Path | None) -> bool:
    """Whether a new secret would reach the caller. Raises Misconfigured for a bad file."""
    if credentials is not None:
        check_credentials(credentials)
    return credentials is not None or sys.stdout.isatty()


def make_and_show(
    what: str, name: str, owners: Owners, control: Control, credentials: Path | None
) -> None:
    """Replace a secret and show the new one.

    Raises Misconfigured, before the secret is made, where it would be lost.
    """
    if not has_place(credentials):
        owners.check(control, name)
        raise lost(f"{owners.path} {what}", what)
    anew = f"do it again: a new {what} replaces the one that was not shown"
    made = control.post(path_of(owners.path, name, what), {}, anew)[what]
    with stays(f"{name} has a new {what}, and the former is not valid any more", anew):
        show(what, {name: made}, owners.part, credentials)


def lost(where: str, what: str) -> Misconfigured:
    """Nobody would see the new secret."""
    hint = "without a terminal to show it, name a file for it: --credentials FILE"
    return Misconfigured(where, f"the new {what} would be lost", hint=hint)


def show(what: str, secrets: Mapping[str, str], part: str, credentials: Path | None) -> None:
    """Show new secrets, or write them to a file; Ctrl-C is deferred until that is done.

    If the file cannot be written, they are shown on the terminal, if there is one; else they are
    lost. Raises Misconfigured then, with the command that replaces them.
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
    """Defer Ctrl-C until the block is done."""
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
