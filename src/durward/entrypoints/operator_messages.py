"""What a process tells its operator: never a reason to end, and never a reason to wait.

The stream may be closed, on a disk that is full, or a pipe that nobody reads any more. What cannot
be told at once is dropped: whoever decides about requests goes on deciding.
"""

import contextlib
import os
import select

from durward.core.difference import printable

STDOUT, STDERR = 1, 2
STANDARD = (0, STDOUT, STDERR)


def report(text: str, to: int = STDERR) -> None:
    """Tell the operator, in a line or several. Raises nothing."""
    with contextlib.suppress(OSError):
        # A log is read on a terminal too, and errors quote what others sent.
        told = "".join(f"{printable(line)}\n" for line in text.split("\n")).encode()
        while told and takes(to):
            # A pipe that takes anything takes this much without blocking (POSIX, pipe(7)).
            told = told[os.write(to, told[: select.PIPE_BUF]) :]


def takes(stream: int) -> bool:
    """Whether something can be written now: not to a pipe that is full, or a stopped terminal."""
    poller = select.poll()
    poller.register(stream, select.POLLOUT)
    return bool(poller.poll(0))


def open_closed_streams() -> None:
    """A standard stream that this process was started without is /dev/null from now on.

    Else the next file that is opened takes its number, and what is told is written into that one.
    """
    for number in STANDARD:
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
