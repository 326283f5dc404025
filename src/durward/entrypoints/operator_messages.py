"""Messages of a process to its operator, which never end or delay the process.

The stream may be closed, on a full disk, or a pipe without a reader. A message that cannot be
written at once is dropped, so that a decision point goes on deciding.
"""

import contextlib
import os
import select

from durward.core.difference import printable

STDOUT, STDERR = 1, 2
STANDARD = (0, STDOUT, STDERR)


def report(text: str, to: int = STDERR) -> None:
    """Write one or more lines to the operator. Raises nothing."""
    with contextlib.suppress(OSError):
        # A log is read on a terminal too, and errors quote foreign input.
        told = "".join(f"{printable(line)}\n" for line in text.split("\n")).encode()
        while told and takes(to):
            # A writable pipe accepts this much without blocking (POSIX, pipe(7)).
            told = told[os.write(to, told[: select.PIPE_BUF]) :]


def takes(stream: int) -> bool:
    """Whether a write would not block, as on a full pipe or a stopped terminal."""
    poller = select.poll()
    poller.register(stream, select.POLLOUT)
    return bool(poller.poll(0))


def open_closed_streams() -> None:
    """Open missing standard streams as /dev/null.

    Else the next opened file gets the number of the stream, and messages are written into it.
    """
    for number in STANDARD:
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
