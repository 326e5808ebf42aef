"""`python -m bench.speech`: how well callers are understood.

python -m bench.speech                  ten minutes; keeps bench/results/speech.json and renews docs/speech.md
python -m bench.speech --n 40           more utterances of each kind
python -m bench.speech --only calls     renew a part of what was kept: alone, calls, times
python -m bench.speech --quick          a few utterances, no calls, nothing kept; to see that it works
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import Progress

from bench import tables
from bench.figures import RESULTS, Machine, save
from bench.speech import calls, times
from bench.speech.corpus import HUMAN, QUESTIONS, Saying, by_a_person, known, sayings
from bench.speech.figures import SpeechRun, Take
from bench.speech.offline import Ear
from bench.speech.page import LANGUAGES, READINGS, facts, renew, sections
from bench.speech.people import Person
from ivr.asterisk.bundle import CannotInstall
from ivr.simulator.g711 import CodecName, Samples
from ivr.simulator.voices import Voices
from ivr.speech.models import BUILT_IN
from prompts.rhvoice import CannotSpeak

Parts = Sequence[str]
PARTS: Final = ("alone", "calls", "times")
ALONE: Final = tuple(line for line in calls.LINES if not line.loss and line.codec == "PCMA")
SIDE_BY_SIDE: Final = 4
"""Real calls at a time."""
A_CALL: Final = 12
"""Utterances in one call."""
Told = Callable[[str, int, int], None]


def alone(ear: Ear, voices: Voices, person: Person | None, each: int, told: Told) -> list[Take]:
    """Every utterance through every line, without an exchange."""
    spoken = [(s, voices.say(s.words, s.voice, s.rate)) for lang in LANGUAGES for s in sayings(ear.model, lang, each)]
    if person:
        spoken += [(s, person.say(s)) for s in by_a_person(each)]
    noises = {line.name: voices.noise(line.noise, line.snr) if line.noise else None for line in ALONE}
    takes = list[Take]()
    for n, (saying, sound) in enumerate(spoken):
        told("utterances", n, len(spoken))
        takes += [_taken(ear, saying, sound, line.name, noises[line.name], line.codec) for line in ALONE]
    return takes


def _taken(ear: Ear, saying: Saying, sound: Samples, line: str, noise: Samples | None, codec: CodecName) -> Take:
    return ear.take(saying, sound, line, noise=noise, codec=codec)


async def as_calls(data: Path, voices: Voices, person: Person, ear: Ear, each: int, told: Told) -> list[Take]:
    """A part of the utterances as real calls, through every line."""
    said = [s for lang in LANGUAGES for s in sayings(ear.model, lang, each)] + by_a_person(max(1, each // 2))
    sounds = {s: person.say(s) if s.voice == HUMAN else voices.say(s.words, s.voice, s.rate) for s in said}
    batches = [said[at : at + A_CALL] for at in range(0, len(said), A_CALL)]
    plan = [(line, batch) for line in calls.LINES for batch in batches]
    async with calls.bench(data, BUILT_IN, voices, sounds) as one:
        return await calls.hold(one, plan, SIDE_BY_SIDE, lambda done, every: told("calls", done, every))


def measure(data: Path, parts: Parts, each: int, in_calls: int, before: SpeechRun | None, told: Told) -> SpeechRun:
    """Measure these parts; the others are as they were.  Raises CannotSpeak, CannotInstall."""
    voices, ear = Voices(data), Ear(BUILT_IN["uk"])
    person = Person(data)
    run = before or SpeechRun(
        machine=Machine.this(), model=BUILT_IN["uk"].name, takes=[], cost=ear.cost, known=_known(ear)
    )
    if "alone" in parts:
        run = run.model_copy(
            update={"machine": Machine.this(), "takes": alone(ear, voices, person, each, told), "known": _known(ear)}
        )
        run = run.model_copy(update={"cost": ear.cost})
    if "calls" in parts:
        run = run.model_copy(update={"calls": asyncio.run(as_calls(data, voices, person, ear, in_calls, told))})
    if "times" in parts:
        found = asyncio.run(times.measure(data, voices, in_calls * 3, told))
        run = run.model_copy(update={"answers": dict(found.answers), "stops": found.stops, "echoes": found.echoes})
    return run


def _known(ear: Ear) -> Mapping[str, tuple[int, int]]:
    found = {f"{lang} {q}": known(ear.model, q, lang) for lang in LANGUAGES for q in QUESTIONS}
    return {name: (len(heard), every) for name, (heard, every) in found.items()}


def main() -> None:
    """How well callers are understood."""
    parser = argparse.ArgumentParser(prog="python -m bench.speech", description=main.__doc__)
    parser.add_argument("--quick", action="store_true", help="a few utterances, no calls, nothing kept")
    parser.add_argument("--n", type=int, default=8, help="utterances of each kind, without an exchange")
    parser.add_argument("--calls", type=int, default=2, help="utterances of each kind in real calls")
    parser.add_argument("--only", choices=(*PARTS, "tables"), help="renew this part of what was kept")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("IVR_DATA") or "data"), help="of Asterisk")
    given = parser.parse_args()
    parts = ("alone",) if given.quick else (given.only,) if given.only else PARTS
    console = Console(highlight=False)
    try:
        with Progress(console=console, transient=True) as bar:
            task = bar.add_task("")
            run = measure(
                given.data, parts, 2 if given.quick else given.n, given.calls, kept() if given.only else None,
                lambda what, done, every: bar.update(task, description=what, completed=done, total=every),
            )  # fmt: skip
    except (CannotSpeak, CannotInstall) as fault:
        sys.exit(f"bench: {fault}")
    if not given.quick:
        console.print(f"kept as {save('speech', run)}")
    shown, told = sections(run, 200 if given.quick else READINGS), facts(run)
    for each in shown.values():
        tables.show(console, each)
    for fact in told:
        console.print(fact)
    if not given.quick:
        renew(shown, told)


def kept() -> SpeechRun | None:
    """The last run that was kept."""
    path = RESULTS / "speech.json"
    return SpeechRun.model_validate_json(path.read_text("utf-8")) if path.is_file() else None


if __name__ == "__main__":
    main()
