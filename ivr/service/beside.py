"""A process of ours that lives beside a controller and is started again when it ends.

Rules: it begins only when the controller is ready; it dies with the controller (the kernel sees to it, see
`die_with`), whose successor starts another; whatever is wrong with it is said in the log and harms no call.
"""

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from ivr.service.settings import Settings

log = logging.getLogger(__name__)

NICE: Final = 10
"""How far it steps back behind all others."""
PAUSES: Final = (1.0, 5.0, 30.0, 120.0, 600.0)
"""Seconds before the next start, by how many in a row; the last one again and again."""
LONG: Final = 3600.0
"""Seconds after which its end is not taken for one more in a row."""
PATIENCE: Final = 5.0
"""Seconds that it has to end in order."""
_PR_SET_PDEATHSIG: Final = 1


@asynccontextmanager
async def transcriber(settings: Settings, config: Path | None = None) -> AsyncIterator[None]:
    """Within it what callers told is written down (`ivr transcribe`), if the settings want that.

    config: the settings file that was named on the command line.
    """
    if not settings.transcripts:
        yield
        return
    async with _beside("transcribe", settings, config):
        yield


@asynccontextmanager
async def supervisors(settings: Settings, config: Path | None = None) -> AsyncIterator[None]:
    """Within it the console is served (`ivr console`), which says itself where."""
    async with _beside("console", settings, config):
        yield


@asynccontextmanager
async def _beside(name: str, settings: Settings, config: Path | None) -> AsyncIterator[None]:
    command = [name, "--with", str(os.getpid()), "--data", str(settings.data)]
    if config is not None:
        command += ["--config", str(config)]
    keeping = asyncio.create_task(_keep(command), name=name)
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def _keep(command: list[str]) -> None:
    loop = asyncio.get_running_loop()
    failures = 0
    while True:
        began = loop.time()
        try:
            code = await _once(command)
        except OSError as fault:  # no memory, no processes left
            log.error("`ivr %s` can't be started: %s", command[0], fault)
            code = 1
        failures = 0 if loop.time() - began > LONG else failures + 1
        pause = PAUSES[min(failures, len(PAUSES)) - 1] if failures else PAUSES[0]
        log.error("`ivr %s` ended with code %d; it is started again in %g s", command[0], code, pause)
        await asyncio.sleep(pause)


async def _once(command: list[str]) -> int:
    """Run it to its end.  Cancelled: end it."""
    child = await asyncio.create_subprocess_exec(
        "nice", "-n", str(NICE), sys.executable, "-m", "ivr", *command, stdin=asyncio.subprocess.DEVNULL
    )
    try:
        return await child.wait()
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
            try:
                async with asyncio.timeout(PATIENCE):
                    await child.wait()
            except TimeoutError:
                child.kill()  # what it was doing is done again
                await child.wait()


def die_with(parent: int) -> bool:
    """The kernel ends us in order (SIGTERM) when our parent is gone.  False: `parent` isn't our parent any more."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    return os.getppid() == parent
