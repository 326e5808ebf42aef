"""Whether a directory is a model that understands telephone speech.

Rule: first what people can mend, by name (files that are not there, that are empty); then the proof: the model is
loaded and listens to noise in a process of its own, which may die of it.
"""

import hashlib
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

PATIENCE: Final = 60.0
"""Seconds that a model has to load and to listen, and as many more for each of its gigabytes."""
PROBE: Final = "ivr.speech.models.probe"
RATE: Final = 16000
"""Hz, where mfcc.conf says nothing: Kaldi's default."""
NEEDED: Final = ("am/final.mdl", "conf/model.conf", "conf/mfcc.conf")
WHOLE: Final = ("graph/HCLG.fst",)
PARTS: Final = ("graph/HCLr.fst", "graph/Gr.fst")
"""One of these two kinds of graph: whole, or in parts that can be joined with what is expected."""
AGAIN: Final = "Unpack its archive again, or install it anew: ivr models install SOURCE --language LANGUAGE"


class BadModel(Exception):
    """A directory that is no model, or a damaged one; the message says what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model that was tried.

    size: bytes of all its files.  rate: Hz that it was trained on; telephone sound is brought to it.
    words: how many it knows.  grammars: whether it can be told what to expect; one that can't always listens for all
    its words, which is worse for closed questions.  unknown: of the words asked about, those that it doesn't know.
    """

    directory: Path
    size: int
    rate: int
    words: int
    grammars: bool
    unknown: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The directory's name."""
        return self.directory.name


def looks_like_one(directory: Path) -> bool:
    """Whether this is a model's own directory, good or bad."""
    return (directory / "am" / "final.mdl").is_file()


def look(directory: Path) -> None:
    """Look whether all is there.  Raises BadModel."""
    if not directory.is_dir():
        raise BadModel(f"{directory}: there is no such directory; `ivr models` lists what is installed")
    whole = (directory / WHOLE[0]).is_file()
    lacking = [
        f"{name} is {'empty' if (directory / name).is_file() else 'missing'}"
        for name in (*NEEDED, *(WHOLE if whole else PARTS))
        if not (directory / name).is_file() or not (directory / name).stat().st_size
    ]
    if lacking:
        raise BadModel(f"{directory} is no whole Vosk model: {', '.join(lacking)}. {AGAIN}")


def verify(directory: Path, words: Iterable[str] = ()) -> Model:
    """Try the model in this directory; tell which of `words` it doesn't know.

    Takes half a second, several for large ones; not for the event loop.  Raises BadModel.
    """
    try:
        look(directory)
        size = sum(path.stat().st_size for path in _files(directory))
        conf = (directory / "conf/mfcc.conf").read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise BadModel(f"{directory} can't be read: {fault}") from fault
    tried = _probe(directory, words, PATIENCE * (1 + size / 1e9))
    rate = re.search(r"^\s*--sample-frequency=(\d+)", conf, re.MULTILINE)
    grammars = not (directory / WHOLE[0]).is_file()
    return Model(
        directory, size, int(rate[1]) if rate else RATE, tried["words"], grammars, frozenset(tried["unknown"])
    )


def foreign(directory: Path, language: str) -> str:
    """What to say of a model that knows no word that callers use in this language (ISO 639-1)."""
    return f"{directory} knows none of the words that callers use in {language}: it is a model of another language"


def checksum(directory: Path) -> str:
    """SHA-256 over names, lengths and contents of all files in the order of their names.  Raises OSError."""
    total = hashlib.sha256()
    for path in _files(directory):
        name = path.relative_to(directory).as_posix().encode()
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(b"%d %s %d %s\n" % (len(name), name, path.stat().st_size, content.encode()))
    return total.hexdigest()


def _files(directory: Path) -> Iterator[Path]:
    return (path for path in sorted(directory.rglob("*")) if path.is_file())


def _probe(directory: Path, words: Iterable[str], patience: float) -> Any:
    """Load it and let it listen, in another process."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", PROBE, str(directory)],
            input=json.dumps(sorted(set(words))), capture_output=True, text=True, errors="replace", timeout=patience,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise BadModel(f"{directory}: it did not load within {patience:.0f} s") from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        answer = {"fault": ""}
    if "fault" in answer:
        raise BadModel(f"{directory} can't be used: {_why(done, answer['fault'])}. {AGAIN}")
    return answer


def _why(done: subprocess.CompletedProcess[str], fault: str) -> str:
    """How the trial ended, and what the recogniser complained of."""
    if done.returncode < 0:
        fault = f"the recogniser died of it ({signal.Signals(-done.returncode).name})"
    errors = [
        re.sub(r"^ERROR(?: \(.*?:\d+\))?:?\s*", "", s) for s in done.stderr.splitlines() if s.startswith("ERROR")
    ]
    parts = (fault or f"exit code {done.returncode}", *errors[-1:])
    return ": ".join(part.strip().rstrip(".") for part in parts)
