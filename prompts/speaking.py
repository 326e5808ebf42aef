"""Texts spoken in a process of their own, for a service that must not fall with the synthesiser.

Rules: RHVoice is native code, takes a core while it speaks and some 100 MB; so whoever serves people lets this
process do it, which ends when it is done.  One job at a time; a job has a limit; what was spoken before a fault is
kept.  It speaks as ``ivr prompts render`` does, by the same code.
"""

import asyncio
import base64
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from prompts import sound
from prompts.render import engine, spoken
from prompts.rhvoice import CannotSpeak
from prompts.spoken import Part

PATIENCE: Final = 600.0
"""Seconds for one job: RHVoice may have to be fetched first (180 MB)."""
LONGEST_LINE: Final = 4_000_000
"""Bytes of an answer: 90 s of A-law in base64, three times over."""
NICE: Final = 5
_PROJECT: Final = str(Path(__file__).parents[1])


class Spoken:
    """One clip: its name, bare A-law, and who speaks."""

    __slots__ = ("clip", "content", "voice")

    def __init__(self, clip: str, content: bytes, voice: str) -> None:
        self.clip, self.content, self.voice = clip, content, voice


async def speak(data: Path, parts: Mapping[str, Part]) -> AsyncIterator[Spoken | str]:
    """Every clip as it is spoken, and between them, as text, what is being fetched.

    data: where RHVoice is kept.  parts: clip (``uk/goodbye``) -> what it says.  Raises CannotSpeak: the message says
    why and what would help.
    """
    wanted = {"data": str(data), "parts": {clip: [part.text, part.melody] for clip, part in parts.items()}}
    path = os.pathsep.join(filter(None, (_PROJECT, os.environ.get("PYTHONPATH"))))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "prompts.speaking", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}, limit=LONGEST_LINE,
        start_new_session=True,
    )  # fmt: skip
    assert process.stdin and process.stdout and process.stderr
    complaints = asyncio.create_task(process.stderr.read())
    left = set(parts)
    try:
        async with asyncio.timeout(PATIENCE):
            process.stdin.write(json.dumps(wanted).encode())
            process.stdin.close()
            while line := await process.stdout.readline():
                told: dict[str, Any] = json.loads(line)
                if "fault" in told:
                    raise CannotSpeak(told["fault"])
                if "doing" in told:
                    yield told["doing"]
                    continue
                left.discard(told["clip"])
                yield Spoken(told["clip"], base64.b64decode(told["alaw"]), told["voice"])
            status = await process.wait()
    except TimeoutError:
        raise CannotSpeak(f"the synthesiser was not done after {PATIENCE:.0f} s: try again") from None
    except (OSError, ValueError) as fault:
        raise CannotSpeak(f"the synthesiser can't be understood: {fault}") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        last = (await complaints).decode(errors="replace").strip().splitlines()[-1:]
    if left:
        raise CannotSpeak(f"the synthesiser ended ({status}) before it was done: {' '.join(last) or 'no word why'}")


def main() -> None:
    """Read a job from standard input, answer in lines of JSON."""
    os.nice(NICE)
    wanted = json.load(sys.stdin)
    out = sys.stdout

    def tell(**what: str) -> None:
        out.write(json.dumps(what) + "\n")
        out.flush()

    try:
        speaker = engine(Path(wanted["data"]), lambda what, _share: tell(doing=what))
        for clip, (text, melody) in wanted["parts"].items():
            samples, voice = spoken(speaker, clip, Part(text, melody))
            tell(clip=clip, alaw=base64.b64encode(sound.a_law(samples)).decode(), voice=voice)
    except (CannotSpeak, sound.BadRecording) as fault:
        tell(fault=str(fault))
        sys.exit(1)


if __name__ == "__main__":
    main()
