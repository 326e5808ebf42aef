"""Whether a directory is a model that understands telephone speech.

Rule: first what people can mend, by name (files that are not there, that are empty, a list of words that is cut off);
then the proof: the model is loaded and listens to noise in a process of its own, which may die.
Vosk knows two layouts: am/, conf/, graph/, and the old one with everything in one place (its model.cc).
"""

import hashlib
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ivr.speech.models.vocabulary import vocabulary

PATIENCE: Final = 60.0
"""Seconds that a model has to load and to listen, and as many more for each of its gigabytes."""
PROBE: Final = Path(__file__).with_name("probe.py")
RATE: Final = 16000
"""Hz, where mfcc.conf says nothing: Kaldi's default."""


class BadModel(Exception):
    """A directory that is no model, or a damaged one; the message says what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model that was tried.

    size: bytes of all its files.  rate: Hz that it was trained on; telephone sound is brought to it.
    words: how many it knows.  grammars: whether it can be told what to expect; one that can't always listens for all
    its words, which is worse for closed questions.  sum: SHA-256 over the names and contents of its files.
    unknown: of the words asked about, those that it doesn't know.
    """

    directory: Path
    size: int
    rate: int
    words: int
    grammars: bool
    sum: str
    unknown: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The directory's name."""
        return self.directory.name


def looks_like_one(directory: Path) -> bool:
    """Whether this is a model's own directory, good or bad."""
    return (directory / "am" / "final.mdl").is_file() or (directory / "final.mdl").is_file()


def verify(directory: Path, words: Iterable[str] = ()) -> Model:
    """Try the model in this directory; tell which of `words` it doesn't know.

    Takes a second or two, or ten for large ones; not for the event loop.  Raises BadModel.
    """
    return replace(look(directory), unknown=probe(directory, words))


def look(directory: Path) -> Model:
    """What can be told without loading it; `unknown` is empty.  Raises BadModel."""
    if not directory.is_dir():
        raise BadModel(f"{directory}: there is no such directory; `ivr models` lists what is installed")
    modern = not (directory / "final.mdl").is_file()
    graph, conf = (directory / "graph", directory / "conf") if modern else (directory, directory)
    wanted = [(directory / "am" if modern else directory) / "final.mdl"]
    wanted += [conf / "model.conf"] if modern else []
    features = next((f for f in (conf / "mfcc.conf", conf / "fbank.conf") if f.is_file()), conf / "mfcc.conf")
    whole = (graph / "HCLG.fst").is_file()
    wanted += [features, *([graph / "HCLG.fst"] if whole else [graph / "HCLr.fst", graph / "Gr.fst"])]
    lacking = [
        f"{f.relative_to(directory)} is {'empty' if f.is_file() else 'missing'}" for f in wanted if not _holds(f)
    ]
    if lacking:
        instead = "" if whole or not lacking[-1].startswith("graph/HCLr") else " (or graph/HCLG.fst)"
        raise BadModel(
            f"{directory} is no whole Vosk model: {', '.join(lacking)}{instead}. Unpack its archive again, or "
            "install it anew: ivr models install SOURCE --language LANGUAGE"
        )
    try:
        known = vocabulary(graph)
        if known is None:
            raise ValueError("words.txt is missing, and the graph has no words in it")
        size, total = _weigh(directory)
        rate = re.search(r"^\s*--sample-frequency=(\d+)", features.read_text("utf-8"), re.MULTILINE)
    except (ValueError, OSError) as fault:
        raise BadModel(
            f"{directory}: {fault}. Install it anew: ivr models install SOURCE --language LANGUAGE"
        ) from None
    return Model(directory, size, int(rate[1]) if rate else RATE, len(known), not whole, total)


def probe(directory: Path, words: Iterable[str] = ()) -> frozenset[str]:
    """Let the model listen, in a process of its own; which of the `words` it doesn't know.  Raises BadModel."""
    patience = PATIENCE * (1 + sum(f.stat().st_size for f in _files(directory)) / 1e9)
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(PROBE), str(directory)],
            input=json.dumps(sorted(set(words))), capture_output=True, text=True, errors="replace", timeout=patience,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise BadModel(f"{directory}: it did not load within {patience:.0f} s") from None
    if done.returncode:
        raise BadModel(f"{directory} can't be used: {_last_words(done)}")
    return frozenset(json.loads(done.stdout)["unknown"])


def _holds(file: Path) -> bool:
    return file.is_file() and file.stat().st_size > 0


def _files(directory: Path) -> Iterator[Path]:
    return (path for path in sorted(directory.rglob("*")) if path.is_file())


def _weigh(directory: Path) -> tuple[int, str]:
    """Bytes, and the SHA-256 over names, lengths and contents of all files in the order of their names."""
    size, total = 0, hashlib.sha256()
    for path in _files(directory):
        name = path.relative_to(directory).as_posix().encode()
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256")
            length = file.tell()
        size += length
        total.update(b"%d %s %d %s\n" % (len(name), name, length, content.hexdigest().encode()))
    return size, total.hexdigest()


def _last_words(done: subprocess.CompletedProcess[str]) -> str:
    """What the recogniser complained of, in one line, and what to do."""
    if "No module named 'vosk'" in done.stderr or "libvosk" in done.stderr:
        return "the recogniser itself is not installed here (Python package vosk)"
    if "Sampling frequency mismatch" in done.stderr:
        return "it takes no sound of 8 kHz; put --allow-upsample=true into its mfcc.conf"
    died = f"the recogniser died of it ({signal.Signals(-done.returncode).name})" if done.returncode < 0 else ""
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()[-1:]
    said = re.sub(r"^ERROR(?: \(.*?:\d+\))?:?\s*", "", errors[-1]).rstrip(". ") if errors else ""
    return (": ".join(filter(None, (died, said))) or "it gave no reason") + ". Unpack or install it anew"
