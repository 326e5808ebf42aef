"""One caller's speech: audio in, `Voice`, `Pause` and `Utterance` out.

Rules
1. Time is the count of samples; there is no clock.
2. `Voice` is told when `ONSET` of voice has been heard, less what was silent in between; `Pause` after `HANGOVER`
   without voice, with the words so far; again when more words become known in the same pause (the recogniser is up to
   a quarter of a second behind); `Voice` again when the caller goes on.
3. The recogniser gets `PREROLL` from before the voice began: voice activity is noticed late, and first syllables
   are quiet.  After that it gets everything, silence too, until the utterance is concluded.
4. A voice that begins while something plays and that the prompt explains is our echo and no voice.  It is asked
   again as long as it goes on: the caller may speak on top of it.
5. `listen` begins anew; of what was heard before only the pre-roll is looked at for a voice.
6. Of an utterance at most `LONGEST` is recognised: what is said later doesn't count.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ivr.ports import Alternative, Listening, Pause, Speech, Utterance, Voice

RATE = 8000
CHUNK = 256
"""Samples looked at together, 32 ms; what silero's network takes."""
BEGINS, GOES_ON = 0.5, 0.35
"""Probability of speech from which on a chunk is voice: in silence, and while somebody speaks."""
ONSET = 3
"""Chunks of voice, 96 ms."""
HANGOVER = 4
"""Chunks without voice, 128 ms."""
PREROLL = 12
"""Chunks before the voice was noticed, 384 ms."""
LONGEST = 30 * RATE // CHUNK
"""Chunks of an utterance, 30 s."""

Samples = npt.NDArray[np.int16]


class Decoding(Protocol):
    """Recognises one utterance (`ivr.speech.decoder.Decoder`)."""

    def accept(self, pcm: bytes) -> None:
        """16-bit samples, 8 kHz."""
        ...

    def partial(self) -> str:
        """The words so far."""
        ...

    def final(self) -> tuple[Alternative, ...]:
        """The whole utterance, best first, words at seconds of it."""
        ...


class Detecting(Protocol):
    """Voice activity (`ivr.speech.voice.VoiceActivity`)."""

    def reset(self) -> None:
        """Forget what came before."""
        ...

    def __call__(self, chunk: Samples) -> float:
        """Probability of speech in the next `CHUNK` samples."""
        ...


class Echoing(Protocol):
    """Our own prompt (`ivr.speech.echo.Echo`)."""

    def plays(self, clips: Sequence[str], at: int) -> None:
        """From sample `at` on the caller hears this."""
        ...

    def explains(self, heard: Samples, until: int) -> bool:
        """Whether what was heard until this sample is that."""
        ...


class Listener:
    """Give it audio (`feed`) and tell it what is wanted; it tells what it hears through `tell`.

    decoding: makes a recogniser for what is wanted, None if nothing of it can be understood (then nothing is told).
    """

    def __init__(
        self,
        voice: Detecting,
        decoding: Callable[[Listening], Decoding | None],
        echo: Echoing,
        tell: Callable[[Speech], None],
    ) -> None:
        self._voice, self._decoding, self._echo, self._tell = voice, decoding, echo, tell
        self._wanted: Listening | None = None
        self._decoder: Decoding | None = None
        self._rest = b""
        self._past = list[Samples]()
        self._chunks = 0  # heard since the call began
        self._since = 0  # how many of them before this listening, less the pre-roll
        self._told = False  # a voice, in this listening
        self._speaks = False
        self._run = 0  # chunks of voice before an onset; without voice before a pause
        self._length = 0  # chunks that the decoder has
        self._said = ""  # in the pause that was told last

    @property
    def listens(self) -> bool:
        """Whether anything is wanted."""
        return self._wanted is not None

    @property
    def samples(self) -> int:
        """Heard so far: the clock."""
        return self._chunks * CHUNK

    def feed(self, pcm: bytes) -> None:
        """16-bit samples, 8 kHz, as they come."""
        pcm = self._rest + pcm
        whole = len(pcm) // (2 * CHUNK) * (2 * CHUNK)
        self._rest = pcm[whole:]
        for chunk in np.frombuffer(pcm[:whole], np.int16).reshape(-1, CHUNK):
            self._take(chunk)

    def plays(self, clips: Sequence[str]) -> None:
        """What the caller hears from now on; empty: nothing any more."""
        self._echo.plays(clips, self.samples + len(self._rest) // 2)  # to the packet: jumps are whole packets

    def listen(self, wanted: Listening | None) -> None:
        """Begin anew; None: listen no longer."""
        self._wanted, self._decoder = wanted, None
        self._told = self._speaks = False
        self._run = self._length = 0
        self._said = ""
        if wanted is None:
            return
        if wanted.phrases:
            self._decoder = self._decoding(wanted)
            if self._decoder is None:
                return
        self._voice.reset()
        before, self._past = self._past[-PREROLL:], self._past[:-PREROLL]
        self._chunks -= len(before)
        self._since = self._chunks
        for chunk in before:
            self._take(chunk)

    def conclude(self) -> None:
        """The utterance is over.  Without effect when nothing is listened for."""
        if self._wanted is None:
            return
        decoder, length = self._decoder if self._told else None, self._length
        self.listen(None)
        understood = decoder.final() if decoder else ()
        self._tell(Utterance(tuple(_timed(one, -length * CHUNK / RATE) for one in understood)))

    def _take(self, chunk: Samples) -> None:
        self._chunks += 1
        self._past.append(chunk)
        del self._past[: -2 * PREROLL]  # at the beginning of the pre-roll an echo is told by what came before
        if self._wanted and (self._decoder or not self._wanted.phrases):
            self._hear(chunk)

    def _hear(self, chunk: Samples) -> None:
        voice = self._voice(chunk) >= (GOES_ON if self._speaks or self._run else BEGINS)
        if self._told:
            self._decode(chunk)
        if self._speaks:
            self._run = 0 if voice else self._run + 1
            if self._run >= HANGOVER:
                self._pause()
            return
        self._run = self._run + 1 if voice else max(0, self._run - 1)
        if self._run >= ONSET:
            self._begin()
        elif self._told and self._decoder and (said := self._decoder.partial()) != self._said:
            self._said = said
            self._tell(Pause(said))

    def _begin(self) -> None:
        if self._echo.explains(np.concatenate(self._past[-PREROLL:]), self.samples):
            self._run = 0
            return
        self._speaks, self._run = True, 0
        if not self._told:
            self._told = True
            for chunk in self._past[-min(PREROLL, self._chunks - self._since) :]:
                self._decode(chunk)
        self._tell(Voice())

    def _pause(self) -> None:
        self._speaks, self._run = False, 0
        self._said = self._decoder.partial() if self._decoder else ""
        self._tell(Pause(self._said))

    def _decode(self, chunk: Samples) -> None:
        self._length += 1
        if self._decoder and self._length <= LONGEST:
            self._decoder.accept(chunk.tobytes())


def _timed(one: Alternative, began: float) -> Alternative:
    """With its words at seconds after now; began: when its audio did."""
    return replace(
        one, each=tuple(replace(word, begin=word.begin + began, end=word.end + began) for word in one.each)
    )
