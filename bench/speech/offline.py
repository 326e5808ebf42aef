"""The worker's own ear, fed without an exchange: voice activity, recogniser, and the core's decision when a caller
has finished, many times faster than speech.

Rules
1. Everything that decides is the product's: `Listener`, `SpeechModel`, `VoiceActivity`, and `Exchange` for timers.
2. Time is the count of samples.
3. The sound is what a telephone sends: G.711, noise before, under and after the words.  Lost packets are left to real
   calls: what becomes of the gap is Asterisk's doing.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.speech.corpus import MANNERS, QUESTIONS, Saying, listening
from bench.speech.figures import Cost, Take
from ivr.dialog.exchange import Action, Conclude, Exchange, Typed
from ivr.ports import Pause, Speech, Utterance, Voice
from ivr.simulator.acoustics import Surroundings
from ivr.simulator.g711 import CODECS, FRAME, RATE, CodecName, Samples
from ivr.speech.decoder import SpeechModel
from ivr.speech.listener import Listener
from ivr.speech.voice import VoiceActivity, VoiceModel

BEFORE, AFTER = 0.8, 17.0
"""Seconds of the line before the words and, at most, after them: who seems to talk on is cut off by the timers."""


class NoEcho:
    """Nothing plays."""

    def plays(self, clips: Sequence[str], at: int) -> None:
        """Nothing."""

    def explains(self, heard: Samples, until: int) -> bool:
        return False


class Ear:
    """A worker's ear for one utterance after another.  cost: of all so far."""

    def __init__(self, model: Path) -> None:
        self.model = SpeechModel(model)
        self._voices = VoiceModel()
        self.cost = Cost(sound=0.0, cpu=0.0)

    def take(
        self,
        saying: Saying,
        sound: Samples,
        line: str,
        *,
        noise: Samples | None = None,
        codec: CodecName = "PCMA",
    ) -> Take:
        """Let it be said after the prompt of its question."""
        exchange = Exchange(
            QUESTIONS[saying.question], replace(MANNERS[saying.question], timeout=60.0), Typed(), hears=True
        )
        told = list[Speech]()
        listener = Listener(VoiceActivity(self._voices), self.model.decoder, NoEcho(), told.append)
        exchange.begin(0.0)
        exchange.played(0.0)
        listener.listen(listening(saying.question, saying.language))
        noticed, ended, utterance = False, 0.0, Utterance()
        began = time.thread_time()
        before = round(BEFORE * RATE)
        over = (before + len(sound)) / RATE
        for n, frame in enumerate(_sent(sound, noise, codec, saying.seed)):
            now = (n + 1) * FRAME / RATE
            listener.feed(frame.tobytes())
            for heard in told:
                noticed = noticed or isinstance(heard, Voice)
                _tell(exchange, heard, now)
            told.clear()
            if exchange.wake_at is not None and now >= exchange.wake_at and noticed:
                if any(isinstance(action, Conclude) for action in exchange.tick(now)):
                    listener.conclude()
                    ended, utterance = now, next((u for u in told if isinstance(u, Utterance)), Utterance())
                break
        self.cost.cpu += time.thread_time() - began
        self.cost.sound += now
        return Take(
            language=saying.language, question=saying.question, words=saying.words, keys=saying.keys,
            voice=saying.voice, line=line, noticed=noticed,
            heard=[(said.words, round(said.confidence, 4)) for said in utterance.alternatives],
            after=round(ended - over, 3) if ended >= over else None,
            cut=round(over - ended, 3) if 0 < ended < over else None,
        )  # fmt: skip


def _sent(sound: Samples, noise: Samples | None, codec: CodecName, seed: int) -> "list[Samples]":
    """The line before, under and after the words, as it comes out of the codec."""
    silence = [np.zeros(round(seconds * RATE), np.int16) for seconds in (BEFORE, AFTER)]
    whole = np.concatenate([silence[0], sound, silence[1]])
    frames = np.resize(whole, (len(whole) // FRAME, FRAME))
    law = CODECS[codec]
    if noise is None:
        return [law.decode(law.encode(frame)) for frame in frames]
    room = Surroundings(noise=np.roll(noise, seed % len(noise)))
    return [law.decode(law.encode(room.sent(frame))) for frame in frames]


def _tell(exchange: Exchange, heard: Speech, now: float) -> list[Action]:
    match heard:
        case Voice():
            return exchange.voice(now)
        case Pause(words):
            return exchange.pause(words, now)
        case _:
            return []
