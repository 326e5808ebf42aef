"""The voices of scripted callers: words as sound, by RHVoice, as a telephone line carries them.

Rule 1: Callers have other voices than our prompts, and none that a recogniser of ours was trained on (`CALLERS`):
        what it makes of them says something.  What they say is played into calls and kept in the data directory; it
        is never shipped, so any licence of a voice will do here (docs/licences.md).
Rule 2: What was said once is kept as a file, by voice and text.  RHVoice is fetched when something new must be said.
"""

import hashlib
import tempfile
import threading
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from ivr.simulator.acoustics import SPEECH_DB, Echo, Surroundings, babble, louder, white
from ivr.simulator.g711 import Samples
from ivr.simulator.scenario import Acoustics, Plays, Says, Scenario
from prompts import rhvoice, sound

CALLERS: Final[dict[str, tuple[str, ...]]] = {
    "uk": ("Volodymyr", "Marianna"),
    "ru": ("Tatiana", "Mikhail", "Arina", "Vitaliy", "Pavel", "Victoria", "Artemiy", "Evgeniy-Rus", "Yuriy"),
    "en": ("Clb", "Bdl", "Alan"),
}
"""By language, the usual one first.  models/proof-uk-ru was trained on others: Aleksandr, Aleksandr-hq, Anatol, Anna,
Elena, Irina and Natalia."""
TALK: Final = {
    "uk": "Вчора увечері ми ходили до лісу, а потім довго пили чай на кухні та згадували літо біля моря.",
    "ru": "На прошлой неделе соседи привезли с дачи яблоки, и мы до самой ночи варили варенье.",
    "en": "My brother says that the train was late again because of the snow, so they walked home.",
}
"""What people around a caller talk about."""
LOOP: Final = 10.0
"""Seconds of noise; then it begins again."""
_one_at_a_time = threading.Lock()


class Voices:
    """data: where RHVoice is (or will be), and where what was said is kept."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._kept = data / "callers"

    def say(self, text: str, voice: str, rate: float = 1.0) -> Samples:
        """Words at the usual level (`SPEECH_DB`), int16 at 8 kHz, without silence around.  rate: 1 is the voice's.

        Raises prompts.rhvoice.CannotSpeak: RHVoice can't be had, or has no such voice; OSError: can't be kept.
        """
        if voice not in {name for names in CALLERS.values() for name in names}:
            known = "; ".join(f"{lang}: {', '.join(names)}" for lang, names in CALLERS.items())
            raise rhvoice.CannotSpeak(f"no caller has the voice {voice!r}; there are {known}")
        name = hashlib.sha256(f"{text}|{rate}|{SPEECH_DB}".encode()).hexdigest()[:24]
        file = self._kept / voice / f"{name}.s16"
        if file.is_file():
            return np.frombuffer(file.read_bytes(), "<i2").astype(np.int16)
        with _one_at_a_time:
            spoken, hertz = _engine(self._data.resolve()).say(_sentence(text), voice, rate)
        samples = louder(
            np.rint(sound.condition(spoken, hertz, 20) * 32767).astype(np.int16), SPEECH_DB - sound.LEVEL_DB
        )
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as new:
            new.write(samples.astype("<i2").tobytes())
        Path(new.name).replace(file)
        return samples

    def sound_of(self, step: Says | Plays, scenario: Scenario) -> Samples:
        """What the caller lets be heard in this step.  Raises as `say`, and prompts.sound.BadRecording."""
        if isinstance(step, Says):
            language = step.language or scenario.language
            return louder(self.say(step.say, step.voice or CALLERS[language][0]), step.level)
        assert step.file is not None, "only scenarios that were loaded have files"
        return louder(recorded(step.file), step.level)

    def surroundings(self, acoustics: Acoustics, seed: int = 0) -> Surroundings | None:
        """Where they call from; None: a silent room and a good line.  Raises as `say`."""
        if acoustics == Acoustics():
            return None
        noise = None if acoustics.noise is None else self.noise(acoustics.noise, acoustics.snr, seed)
        echo = None if acoustics.echo is None else Echo(acoustics.echo, acoustics.delay)
        return Surroundings(noise=noise, echo=echo, loss=acoustics.loss, seed=seed)

    def noise(self, kind: str, snr: float, seed: int = 0) -> Samples:
        """`LOOP` seconds of it.  kind: white or babble.  snr: usual speech above it, dB.  Raises as `say`."""
        if kind == "white":
            return white(LOOP, SPEECH_DB - snr, seed)
        talkers = [self.say(TALK[lang], voice) for lang, voices in CALLERS.items() for voice in voices[-2:]]
        return babble(talkers, LOOP, SPEECH_DB - snr, seed)


def recorded(file: Path) -> Samples:
    """A sound file at 8 kHz, int16, as loud as it is.  Raises prompts.sound.BadRecording."""
    samples, hertz = sound.read(file)
    telephone = sound.to_telephone(samples, hertz)
    return np.clip(np.rint(telephone * 32767), -32768, 32767).astype(np.int16)


@cache
def _engine(data: Path) -> rhvoice.Engine:
    return rhvoice.Engine(rhvoice.install(data))


def _sentence(text: str) -> str:
    return text if text[-1] in ".!?" else f"{text}."
