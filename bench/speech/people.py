"""A person's voice for callers: Debian's Russian prompts for Asterisk (asterisk-core-sounds-ru).

Rules
1. Fetched by apt as RHVoice is (`prompts.rhvoice`), into a state of its own below the data directory; nothing of it
   is committed or shipped.  CC-BY-3.0, Maxim Topal, ivrvoice.ru (debian/copyright, `Files: ru-*`).
2. It has single words of numbers only.  They are said one after another with short pauses: harder to tell apart than
   words of one breath in nothing but their beginnings, easier in that none runs into the next.
"""

import random
import shutil
import subprocess
from pathlib import Path
from typing import Final

import numpy as np

from bench.speech.corpus import Saying, cardinal
from ivr.simulator.acoustics import SPEECH_DB, louder
from ivr.simulator.g711 import RATE, Samples
from prompts import rhvoice, sound
from prompts.rhvoice import CannotSpeak

PACKAGE: Final = "asterisk-core-sounds-ru-wav"
FOLDER: Final = "usr/share/asterisk/sounds/ru_RU_f_IvrvoiceRU/digits"
WORDS: Final = {cardinal(n, "ru"): str(n) for n in (*range(21), *range(30, 100, 10))}
"""Word -> file."""
PAUSES: Final = (0.04, 0.14)
"""Seconds between two words, at least and at most."""


class Person:
    """data: where the recordings are, or will be.  Raises CannotSpeak when they can't be had."""

    def __init__(self, data: Path) -> None:
        folder = install(data) / FOLDER
        self._words = {word: _conditioned(folder / f"{name}.wav") for word, name in WORDS.items()}

    def say(self, saying: Saying) -> Samples:
        """The words in a row, int16 at 8 kHz, at the usual level."""
        chance, parts = random.Random(saying.words), list[Samples]()
        for word in saying.words.split():
            parts += [self._words[word], np.zeros(round(chance.uniform(*PAUSES) * RATE), np.int16)]
        return np.concatenate(parts[:-1])


def install(data: Path) -> Path:
    """Where the package is unpacked; fetches it if it isn't there.  Raises CannotSpeak."""
    home = data.resolve() / "people"
    root = home / "root"
    if root.is_dir():
        return root
    home.mkdir(parents=True, exist_ok=True)
    options = rhvoice.apt_state(home / "apt")
    for command in (["update"], ["download", PACKAGE]):
        _run(["apt-get", *options, *command], home)
    new = home / "root.new"
    shutil.rmtree(new, ignore_errors=True)
    _run(["dpkg-deb", "--extract", str(next(home.glob(f"{PACKAGE}_*.deb"))), str(new)], home)
    shutil.rmtree(home / "apt")
    return new.rename(root)


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except OSError as fault:
        raise CannotSpeak(f"{command[0]} can't be run: {fault}") from fault
    if done.returncode:
        raise CannotSpeak(f"{PACKAGE} can't be had: {done.stderr.strip()[-300:]}")


def _conditioned(file: Path) -> Samples:
    samples, hertz = sound.read(file)
    even = sound.condition(samples, hertz, 20)
    return louder(np.rint(even * 32767).astype(np.int16), SPEECH_DB - sound.LEVEL_DB)
