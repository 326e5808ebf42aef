"""The tables of docs/speech.md, between its marks."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Final, TypeAlias

import numpy as np

from bench import tables
from bench.report import put
from bench.speech.calls import LINES
from bench.speech.corpus import HUMAN, QUESTIONS
from bench.speech.figures import FATES, Accuracy, Share, SpeechRun, Take, fates
from bench.speech.mistaken import MISSES, VALUES, repeated, simulate
from ivr.dialog.turns import SAID_BACK

Sections: TypeAlias = list[tuple[str, tables.Rows]]
PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "speech.md"
LEVELS: Final = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
PAIRS: Final = ((0.5, 0.8), (0.5, 0.95), (0.7, 0.9), (0.7, 0.95), (0.8, 0.95), (0.9, 0.99))
TAKEN_FROM: Final = (0.5, 0.7, 0.9)
CHECKED_FROM: Final = (0.5, 0.3, 0.2, 0.1)
READINGS: Final = 4_000
LANGUAGES: Final = {"uk": "Ukrainian", "ru": "Russian"}
CHOICES: Final = ("yes or no", "menu")


def sections(run: SpeechRun, readings: int = READINGS) -> dict[str, Sections]:
    """What the run says, by mark.  readings: to simulate."""
    found = {
        "known": [("Phrases that the model can hear", _known(run))],
        "alone": [("Whole utterances understood (word error), without an exchange", _accuracy(run.takes))],
        "confidence": [
            ("Answers by their confidence: of those that reach it, how many are right", _confidence(run.takes)),
            ("Speech that answers nothing: taken for an answer with at least this confidence", _strange(run.takes)),
        ],
        "thresholds": [
            ("What becomes of an utterance, by confidencelevel and surelevel", _thresholds(run.takes)),
            ("Account numbers that are said back, by confidencelevel", _accounts(run.takes)),
        ],
        "mistaken": [(f"Wrong values accepted, of {readings:,} simulated readings", _mistaken(run, readings))],
    }
    if run.calls:
        found["calls"] = [("Whole utterances understood (word error), real calls", _accuracy(run.calls))]
    if run.answers or run.stops:
        echoes = [["echo", "the menu was heard"], *([e, "whole" if w else "cut off"] for e, w in run.echoes.items())]
        found["times"] = [
            ("What the caller waits for, real calls, ms", _times(run)),
            ("Our own voice as it comes back from a silent caller's telephone", echoes),
        ]
    return found


def facts(run: SpeechRun) -> list[str]:
    """Figures that stand in no table."""
    waits = sorted(take.after for take in run.takes if take.after is not None)
    cut = Share(sum(t.cut is not None for t in run.takes), len(run.takes))
    alone, held = len(run.takes), len(run.calls)
    return [
        f"{run.machine}; model {run.model}; {alone} utterances without an exchange, {held} in calls.",
        f"One core attends to {run.cost.streams:.0f} streams: voice activity, recognition and the second look at "
        f"unsure utterances together ({run.cost.sound:.0f} s of sound in {run.cost.cpu:.0f} s of CPU).",
        f"A number that was misheard on the clean line was misheard as the same one with a hiss of 20 dB: "
        f"{repeated(run.takes)} of {repeated(run.takes).all}.",
        f"Utterances at which a real call lost speech: {sum(bool(t.deaf) for t in run.calls)} of {held}"
        f"{''.join(f' ({why})' for why in sorted({t.deaf for t in run.calls if t.deaf}))}.",
        f"Cut off before the words were over: {cut}.",
        f"From the last sound to the decision that the caller has finished: {_ms(waits)} ms (p50, p95).",
    ]  # fmt: skip


def _known(run: SpeechRun) -> tables.Rows:
    rows = [["language", *QUESTIONS]]
    for language, name in LANGUAGES.items():
        counts = [run.known[f"{language} {question}"] for question in QUESTIONS]
        rows.append([name, *(f"{heard} of {every}" for heard, every in counts)])
    return rows


def _accuracy(takes: Sequence[Take]) -> tables.Rows:
    lines = _in_order(take.line for take in takes)
    rows = [["language", "answer", "voice", *lines]]
    for language, name in LANGUAGES.items():
        for voice, whose in (("synthetic, unseen", lambda v: v != HUMAN), (HUMAN, lambda v: v == HUMAN)):
            for question in QUESTIONS:
                mine = [t for t in takes if (t.language, t.question) == (language, question) and whose(t.voice)]
                if any(t.keys is not None for t in mine):
                    each = [Accuracy.of(t for t in mine if t.line == line) for line in lines]
                    cells = [f"{a.whole} ({a.words}) n={a.whole.all}" if a.whole.all else "" for a in each]
                    rows.append([name, question, voice, *cells])
    every = [Accuracy.of(t for t in takes if t.line == line) for line in lines]
    return [*rows, ["all", "", "", *(f"{a.whole} ({a.words}) n={a.whole.all}" for a in every)]]


def _confidence(takes: Iterable[Take]) -> tables.Rows:
    rows = [["answer", "line", "spoken", *(f"≥ {level:g}" for level in LEVELS)]]
    for kind, mine in _kinds(t for t in takes if t.keys is not None):
        cells = []
        for level in LEVELS:
            taken = [t for t in mine if t.understood is not None and t.confidence >= level]
            cells.append(f"{sum(t.right for t in taken)} of {len(taken)}")
        rows.append([*kind, str(len(mine)), *cells])
    return rows


def _strange(takes: Iterable[Take]) -> tables.Rows:
    rows = [["asked for", "line", "spoken", *(f"≥ {level:g}" for level in LEVELS)]]
    for kind, mine in _kinds(t for t in takes if t.keys is None):
        taken = [t for t in mine if t.understood is not None]
        rows.append([*kind, str(len(mine)), *(str(sum(t.confidence >= level for t in taken)) for level in LEVELS)])
    return rows


def _thresholds(takes: Sequence[Take]) -> tables.Rows:
    rows = [["asked for", "speech", "reject below", "sure from", *FATES]]
    for name, questions in (("numbers", (*VALUES, "account")), ("choices", CHOICES)):
        for speech, meant in (("an answer", True), ("something else", False)):
            mine = [t for t in takes if t.question in questions and (t.keys is not None) == meant and quiet(t.line)]
            for reject, sure in PAIRS:
                counts = fates(mine, reject, sure)
                cells = [str(Share(counts[fate], len(mine))) for fate in FATES]
                rows.append([name, speech, f"{reject:g}", f"{sure:g}", *cells])
    return rows


def quiet(line: str) -> bool:
    """Whether a line is one that most callers have: clean, or with a hiss 20 dB below speech."""
    return line in ("clean", "white noise, 20 dB")


def _kinds(takes: Iterable[Take]) -> list[tuple[tuple[str, str], list[Take]]]:
    every = list(takes)
    groups: list[tuple[str, Callable[[Take], bool]]] = [
        ("numbers", lambda t: t.question not in CHOICES), ("choices", lambda t: t.question in CHOICES)
    ]  # fmt: skip
    return [
        ((name, line), [t for t in every if of(t) and t.line == line])
        for name, of in groups
        for line in _in_order(t.line for t in every)
    ]


def _mistaken(run: SpeechRun, readings: int) -> tables.Rows:
    rows = [["language", "line", "taken from", "digits misheard", "values misheard", "of them plausible",
             "right, then misheard in one place", "the same again",
             *(f"of 10,000, miss {miss:.1%}" for miss in MISSES)]]  # fmt: skip
    hiss = [t for t in run.takes if t.line == "white noise, 10 dB"]
    for language, name in LANGUAGES.items():
        for line, mine, levels in (
            ("clean, or a hiss of 20 dB", [t for t in run.takes if quiet(t.line)], TAKEN_FROM),
            ("a hiss of 10 dB", hiss, TAKEN_FROM[:1]),
        ):
            for level in levels:
                found = simulate([t for t in mine if t.language == language], readings, level)
                shares = [f"{share:.1%}" for share in (found.digits, found.misheard, found.plausible, found.spoilt)]
                for repeat, row in found.accepted.items():
                    rows.append([name, line, f"{level:g}", *shares, repeat, *(f"{n:.2f}" for n in row)])
    return rows


def _accounts(takes: Sequence[Take]) -> tables.Rows:
    """By how unsure a way to understand it may be from which the check digit chooses."""
    rows = [["spoken", "line", "n", *(f"from {level:g}" for level in CHECKED_FROM)]]
    every = [t for t in takes if t.question == "account" and "babble" not in t.line]
    for name, whose in (
        ("an account number, Ukrainian", lambda t: t.keys and t.language == "uk"),
        ("an account number, Russian", lambda t: t.keys and t.language == "ru" and t.voice != HUMAN),
        ("an account number, Russian, a person", lambda t: t.keys and t.voice == HUMAN),
        ("something else", lambda t: not t.keys),
    ):
        mine = [t for t in every if whose(t)]
        for line in _in_order(t.line for t in mine):
            here = [t for t in mine if t.line == line]
            cells = []
            for level in CHECKED_FROM:
                counts = fates(here, level, SAID_BACK)
                cells.append(f"{counts['right, asked back']} right, {counts['wrong, asked back']} wrong")
            rows.append([name, line, str(len(here)), *cells])
    return rows


def _times(run: SpeechRun) -> tables.Rows:
    rows = [["from", "to", "n", "p50", "p95"]]
    for question, waits in run.answers.items():
        rows.append([f"last word ({question})", "first packet of the next prompt", str(len(waits)), *_two(waits)])
    if run.stops:
        rows.append(
            ["first packet of a word over a prompt", "our last packet", str(len(run.stops)), *_two(run.stops)]
        )
    return rows


def _two(values: Sequence[float]) -> list[str]:
    return [f"{median(values):.0f}", f"{np.percentile(values, 95):.0f}"] if values else ["", ""]


def _ms(seconds: Sequence[float]) -> str:
    return ", ".join(_two([1000 * s for s in seconds]))


def _in_order(names: Iterable[str]) -> list[str]:
    """The lines as `calls.LINES` has them."""
    known = [line.name for line in LINES]
    return sorted(set(names), key=lambda name: (name not in known, known.index(name) if name in known else 0, name))


def renew(shown: Mapping[str, Sections], told: Sequence[str]) -> None:
    """Put the figures into docs/speech.md."""
    try:
        PAGE.write_text(page(PAGE.read_text("utf-8"), shown, told), "utf-8")
    except LookupError as fault:
        sys.exit(f"bench: {PAGE}: {fault}")


def page(text: str, shown: Mapping[str, Sections], told: Sequence[str]) -> str:
    """The page with these tables and these facts in their places."""
    found = {name: tables.markdown(each) for name, each in shown.items()}
    found["facts"] = "".join(f"- {fact}\n" for fact in told)
    return put(text, found)
