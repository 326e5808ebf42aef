"""The real `ivr`, as its own process, whose CPU can be told apart: threads carry their names where the kernel shows
them, and the process ends with the one that measures it.

BENCH_PROFILE=FILE writes a profile of the event loop's thread (cProfile: for its proportions, not for its sums).
"""

import contextlib
import ctypes
import os
import signal
import threading
from pathlib import Path

from ivr.__main__ import main

_PDEATHSIG = 1


def _name_threads() -> None:
    start = threading.Thread.start

    def named(thread: threading.Thread) -> None:
        start(thread)
        with contextlib.suppress(OSError):  # it may be over already
            Path(f"/proc/self/task/{thread.native_id}/comm").write_text(thread.name.split("_")[0][:15])

    threading.Thread.start = named  # type: ignore[method-assign]


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGTERM)
    _name_threads()
    if profile := os.environ.pop("BENCH_PROFILE", None):
        import cProfile

        with cProfile.Profile() as profiler:
            try:
                main(standalone_mode=False)
            finally:
                profiler.disable()
                profiler.dump_stats(profile)
    else:
        main()
