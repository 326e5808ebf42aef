"""Keeps a controller alive: when it dies, another one stands in its place before a caller wonders.

Rules
1. The keeper loads everything and does nothing.  A controller is a fork of it, so its successor starts in a few
   hundredths of a second instead of the seconds that Python needs to load the program.
2. What ends in order (exit 0), or never got ready at the first start, is not started again: somebody wanted it so,
   or has to mend something.  Everything else is, at once, and then with growing pauses while it doesn't get ready.
3. The controller dies with its keeper (the kernel sees to it), so there are never two; calls stay on Asterisk.
4. Signals that ask for an end go on to the controller; a second one goes on, too.

Theory: nothing here may start a thread before the fork.
"""

import ctypes
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Final

log = logging.getLogger(__name__)

PAUSES: Final = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds before the next start, by how many in a row did not get ready; the last one again and again."""
_PR_SET_PDEATHSIG: Final = 1

Work = Callable[[Callable[[], None]], int]
"""What a controller does: given a function to call once it is ready; returns its exit code."""


def keep(work: Work) -> int:
    """Have `work` done, by one child process after another, until one ends in order.  Returns the exit code.

    Call it from the main thread of a process that has no other.
    """
    child = 0
    ending = False

    def pass_on(number: int, _frame: object) -> None:
        nonlocal ending
        ending = True
        if child:
            os.kill(child, number)

    old = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
    failures, was_ready_once = 0, False
    try:
        while True:
            ready, tell = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(ready)
                os._exit(_conduct(work, tell))
            os.close(tell)
            got_ready = _was_told(ready)
            code = _wait(child)
            child = 0
            was_ready_once = was_ready_once or got_ready
            failures = 0 if got_ready else failures + 1
            if code == 0 or ending or not was_ready_once:
                return code
            log.critical("the controller ended with %s; starting another", code if code > 0 else f"signal {-code}")
            time.sleep(PAUSES[min(failures, len(PAUSES) - 1)])
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _conduct(work: Work, tell: int) -> int:
    """The child's life.  Its exit code; nothing of it may reach the keeper's code."""
    keeper = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != keeper:
        return 1
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    try:
        return work(lambda: _tell(tell))
    except SystemExit as wanted:
        return wanted.code if isinstance(wanted.code, int) else 1
    except BaseException:
        log.exception("the controller failed")
        return 70  # EX_SOFTWARE
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _tell(pipe: int) -> None:
    os.write(pipe, b"r")


def _was_told(pipe: int) -> bool:
    """Wait for the child's word that it is ready, or for its end."""
    try:
        return os.read(pipe, 1) == b"r"
    finally:
        os.close(pipe)


def _wait(child: int) -> int:
    """The child's exit code; the negative number of the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
