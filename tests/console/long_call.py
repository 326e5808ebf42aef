"""A call of an hour with 1,500 events, as the store keeps one: for measuring the page that shows it."""

import math
import struct
import wave
from datetime import timedelta

from domain import calls, moments
from domain.calls import Line
from domain.model import Began, Outcome
from domain.moments import Kind, Moment

SAYINGS = (
    "Ви зателефонували на гарячу лінію. Розмова записується.",
    "Назвіть або наберіть номер особового рахунку, десять цифр.",
    "Рахунок один нуль нуль нуль нуль нуль нуль нуль один вісім, лічильник номер сорок два.",
    "Назвіть показання лічильника. Якщо потрібна людина, натисніть нуль.",
    "Ви сказали дві тисячі сто вісімдесят. Правильно? Так чи ні?",
)
ANSWERS = ("так правильно", "дві тисячі сто вісімдесят", "ні не так", "повторіть будь ласка ще раз")


def store(
    conn, call, at, *, seconds=3600, events=1500, outcome=Outcome.READING_TAKEN, caller="+380671234567", saying=None
):
    """Write it: prompts, keys, speech, steps, silence and doubts in turn, until the time is up.

    About so many events on its time line.  saying: what the caller says, if not one of `ANSWERS`.
    """
    calls.begin(conn, Began(call, caller, "hotline", at), "test")
    happened, lines = [Moment(0, at, Kind.FLOW, {"flow": "main_menu"})], []
    rounds = events // 11
    each = seconds / rounds
    for n in range(rounds):
        t = n * each

        def note(after, kind, t=t, **facts):
            happened.append(Moment(len(happened), at + timedelta(seconds=t + after * each), kind, facts))

        text = SAYINGS[n % len(SAYINGS)]
        note(
            0.02,
            Kind.PROMPT,
            prompt="value",
            text=text,
            language="uk",
            attempt=1,
            seconds=each * 0.3,
            question="value",
        )
        note(0.3, Kind.PLAYED, whole=n % 5 != 0, **({"by": "key"} if n % 5 == 0 else {}))
        for k in range(4 if n % 3 else 10):
            note(0.4 + k * 0.01, Kind.KEY, key=str((n + k) % 10))
        if n % 3 == 0:
            note(0.52, Kind.NOMATCH, question="value", attempt=1)
        words = (saying or ANSWERS[n % len(ANSWERS)]).split()
        note(0.6, Kind.VOICE)
        spelt = [
            [word, -0.3 * (len(words) - k), -0.3 * (len(words) - k - 1), 0.95 - (k * n % 5) * 0.12]
            for k, word in enumerate(words)
        ]
        note(0.75, Kind.UTTERANCE, alternatives=[{"words": " ".join(words), "confidence": 0.81, "each": spelt}])
        lines.append(
            Line(n, at + timedelta(seconds=t + each * 0.85), "value", f"value({n})", "2180*#", None, None, None)
        )
    for line in lines:
        calls.append(conn, call, line)
    moments.append(conn, call, happened)
    if outcome is not None:
        calls.end(conn, call, outcome, at=at + timedelta(seconds=seconds))


def sound(path, seconds):
    """A stereo recording: the caller at 300 Hz in the first half of each ten seconds, prompts at 440 Hz later."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rate, frames = 8000, []
    for n in range(rate * 10):
        left = int(9000 * math.sin(n / rate * 300 * 2 * math.pi)) if n < rate * 4 else 0
        right = int(9000 * math.sin(n / rate * 440 * 2 * math.pi)) if rate * 6 < n < rate * 9 else 0
        frames.append(struct.pack("<hh", left, right))
    ten = b"".join(frames)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate)
        for _ in range(int(seconds) // 10):
            file.writeframes(ten)
        file.writeframes(ten[: int(seconds % 10 * rate) * 4])
