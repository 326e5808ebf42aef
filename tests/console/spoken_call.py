"""A call with its sound: real prompts, keys as two tones on the caller's side, a journal and moments that fit.

Seconds of the call and of its recording are the same here, but for `LATE`: a recording begins a little later.
"""

import math
import warnings
import wave
from datetime import timedelta

import numpy as np

from domain import calls, moments
from domain.calls import Line
from domain.model import Began, Outcome
from domain.moments import Moment
from prompts import Catalogue
from recordings import Archive

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import audioop

RATE = 8000
LATE = 0.05
ACCOUNT = "1000000018"
LOW, HIGH = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
PAD = ("123A", "456B", "789C", "*0#D")
CATALOGUE = Catalogue.load()


def clip(name):
    raw = (CATALOGUE.folder / "audio" / f"{name}.alaw").read_bytes()
    return np.frombuffer(audioop.alaw2lin(raw, 2), "<i2").astype(float)


def tones(key, seconds=0.12, level=4000):
    row = next(k for k, keys in enumerate(PAD) if key in keys)
    column = PAD[row].index(key)
    at = np.arange(int(seconds * RATE)) / RATE
    return level * (np.sin(math.tau * LOW[row] * at) + np.sin(math.tau * HIGH[column] * at))


def keys_in(samples):
    """The keys that are heard in this sound, in order: both tones well over everything else (Q.23)."""
    found, last = [], ""
    step, size = 80, 240
    for start in range(0, len(samples) - size, step):
        piece = samples[start : start + size] * np.hanning(size)
        spectrum = np.abs(np.fft.rfft(piece, 4096)) ** 2
        whole = float((piece**2).sum()) + 1.0

        def power(hertz, spectrum=spectrum):
            return float(spectrum[round(hertz * 4096 / RATE)])

        low, high = max(LOW, key=power), max(HIGH, key=power)
        heard = min(power(low), power(high)) > 8 * whole and whole / size > 1e5
        key = PAD[LOW.index(low)][HIGH.index(high)] if heard else ""
        if key and key != last:
            found.append(key)
        last = key
    return "".join(found)


def likeness(part, whole):
    """Of the best place of `part` in `whole`, 0 to 1."""
    part, whole = part - part.mean(), whole - whole.mean()
    size = 1 << (len(whole) + len(part)).bit_length()
    found = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size)), size)[: len(whole) - len(part)]
    sums = np.concatenate([[0.0], np.cumsum(whole**2)])
    energy = (sums[len(part) :] - sums[: -len(part)])[: len(found)]
    return float(np.max(found / np.sqrt(np.maximum(energy, 1e4 * len(part)) * (part @ part))))


class SpokenCall:
    """Being put together; `at` is where we are, in seconds."""

    def __init__(self, seconds=60.0, *, call="test-1", caller="+380671234567", began, seed=1):
        self.call, self.caller, self.began = call, caller, began
        rng = np.random.default_rng(seed)
        self.tape = rng.normal(0, 12, (int(seconds * RATE), 2))  # a line is never quite still
        self.lines, self.moments = [], []
        self.at = 0.5
        self.places = {}
        self.outcome, self.to, self.ended = Outcome.READING_TAKEN, None, seconds

    def put(self, side, sound, at, *, back=0.05):
        """On one side; heard back a little through the other's telephone."""
        first = int((at - LATE) * RATE)
        part = self.tape[first : first + len(sound)]
        part[:, side] += sound[: len(part)]
        part[:, 1 - side] += back * sound[: len(part)]

    def moment(self, kind, at=None, **facts):
        when = self.began + timedelta(seconds=self.at if at is None else at)
        self.moments.append(Moment(len(self.moments), when, kind, facts))

    def over(self):
        """It was noted to its end."""
        self.moment("over")

    def line(self, label, asked=None, **more):
        when = self.began + timedelta(seconds=self.at)
        self.lines.append(Line(len(self.lines), when, label, asked or label, **more))

    def prompt(self, name, *, question=None, words=(), lang="uk", mark=None, text=None):
        said = CATALOGUE.compose(lang, name, words)
        facts = {
            "prompt": name,
            "text": text or said.text,
            "language": lang,
            "attempt": 1,
            "seconds": said.duration_s,
        }
        self.moment("prompt", **facts, **({"question": question} if question else {}))
        sound = np.concatenate([clip(each) for each in said.clips])
        self.put(1, sound, self.at)
        self.places[mark or name] = (self.at, self.at + len(sound) / RATE, sound)
        self.at += len(sound) / RATE
        self.moment("played", whole=True)
        self.at += 0.2

    def keys(self, keyed, *, tone=0.12, gap=0.3):
        first = self.at
        for key in keyed:
            self.put(0, tones(key, tone), self.at)
            self.at += tone
            self.moment("key", key=key)
            self.at += gap
        self.places[keyed] = (first, self.at - gap)

    def says(self, sound, *, words=None, each=()):
        began = self.at
        self.put(0, sound, self.at)
        self.moment("voice")
        self.at += len(sound) / RATE
        alternatives = [{"words": words, "confidence": 0.9, "each": list(each)}] if words else []
        self.moment("utterance", alternatives=alternatives)
        self.places[words or "speech"] = (began, self.at, sound)
        self.at += 0.2

    def samples(self):
        return np.clip(self.tape[: int(self.ended * RATE)], -32768, 32767).astype("<i2")

    def keep(self, store, data):
        """Store it, and seal its tape."""
        spool = data / "exchange" / "raw"
        spool.mkdir(parents=True, exist_ok=True)
        (spool / f"{self.call}.raw").write_bytes(self.samples().tobytes())

        def job(conn):
            calls.begin(conn, Began(self.call, self.caller, "hotline", self.began), "test")
            for line in self.lines:
                calls.append(conn, self.call, line)
            moments.append(conn, self.call, self.moments)
            over = self.at if self.to else self.ended
            calls.end(conn, self.call, self.outcome, at=self.began + timedelta(seconds=over), to=self.to)

        store.write(job).result()
        return Archive(data, spool, store).settle(self.call, self.began + timedelta(seconds=self.ended))


def a_reading(began, **more):
    """A caller keys their account, hears it read back, keys a value, and hangs up."""
    made = SpokenCall(45.0, began=began, **more)
    made.moment("flow", 0.0, flow="main_menu")
    made.prompt("notice")
    made.line("record")
    made.prompt("account", question="account")
    made.keys(f"{ACCOUNT}#")
    made.line("account", "account", heard=ACCOUNT)
    made.prompt("account_unknown", words={"number": ACCOUNT})
    made.line("account_unknown")
    made.prompt("other_language", question="languages")
    made.keys("2")
    made.line("languages", "languages", heard="2")
    made.moment("gone", cause="caller hung up")
    made.ended = made.at + 0.5
    return made


def wav(path):
    with wave.open(str(path) if not hasattr(path, "read") else path) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
