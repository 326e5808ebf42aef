"""Recognising which prompts are heard, packet by packet.

Theory: Asterisk cuts a sound file into frames of 20 ms from its first sample on and encodes each by a fixed table.
So the 160 bytes of a packet *are* the n-th frame of a clip, and one dict look-up finds which. A frame of clip c
with number n in packet s says "c began with packet s - n"; the next frame of the same playing says the same.

Rule 1: Only audible frames are evidence for a clip. Silence is alike in all of them; it only speaks against those
        that should be audible there.
Rule 2: The playings that agree with every frame so far stay possible. One is heard when it alone is left and two
        frames (or all that the clip has) speak for it. Clips that begin alike are told apart where they part.
Rule 3: When a playing breaks off while several are possible, it was the one that is complete, else the shortest;
        the others are named in `Heard.same`.
Rule 4: A frame that fits no possible playing begins a new one, but a jump inside the clip that is playing (the far
        side's sequence numbers slipped) is that clip going on.
Rule 5: Sound of which no frame is known (noise on the line, a changed volume, a mixing bridge) is correlated with
        the clips that are being waited for, and only with those: a search through all clips would cost too much.
"""

import wave
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from ivr.simulator.g711 import FRAME, PCMA, RATE, Codec, CodecName, Samples

FRAME_S = FRAME / RATE
VOTES = 2
PAUSE = 0.1
"""Seconds without any packet after which a playing is over (where silence is not sent, nothing tells it sooner)."""
SLIP = 2
"""Frames by which a clip that is playing may jump against the sequence numbers and still be the same playing."""
MEMORY = 1500
"""Frames looked back upon, 30 s: the longest start of a clip that leaves open which clip it is."""
TEMPLATE = 8000
"""Samples of a clip's audible beginning that are correlated: 1 s."""
EACH = 5
"""Unknown audible frames from one correlation to the next: 0.1 s."""
WINDOW = 100
"""Frames looked through by each of these: 2 s."""
LIKENESS = 0.6
"""Normalised correlation from which on it is the clip. Measured with 1462 synthetic clips at half the volume: the
clip itself 0.99 under noise 20 dB below the speech, 0.82-0.88 at 6 dB, 0.58-0.68 at 0 dB; 99 % of the others below
0.58, 0.50, 0.39. The rest begin with the same words: by correlation those are taken for one another."""
CLEAR = 300
"""Peak of a frame that is audible in either law, whichever way it rounds."""


class UnknownPrompt(LookupError):
    """No clip of that name in the folder of sounds: the test's own mistake, not the hotline's."""


class BadSound(ValueError):
    """A file in the folder of sounds that is not what Asterisk is to play."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One sound file, `<sounds>/<lang>/<key>.alaw` or `.wav`."""

    lang: str
    key: str
    frames: int
    """Its length in frames of 20 ms."""
    onset: int
    """Number of its first audible frame."""
    tail: int
    """Number of its last audible frame."""

    @property
    def name(self) -> str:
        return f"{self.lang}/{self.key}"

    def __str__(self) -> str:
        return self.name


@dataclass(slots=True, eq=False)
class Heard:
    """One playing of a clip. `last_packet` and `frames` go on while it is being heard.

    Times are seconds of the caller's clock.
    """

    clip: Clip
    first_packet: float
    """Arrival of the clip's first packet; reckoned back where that one was lost."""
    onset: float
    """Arrival of its first audible packet."""
    last_packet: float
    """Arrival of the last packet recognised so far."""
    frames: int = 0
    """Frames of the clip that have passed so far, the last recognised one included."""
    same: tuple[Clip, ...] = ()
    """Other clips that sound the same as far as this one was heard."""
    by: Literal["frames", "correlation"] = "frames"
    """How it was recognised. By correlation only the beginning is known: `last_packet` and `frames` stand still."""

    @property
    def complete(self) -> bool:
        """Whether it was heard to its last audible frame."""
        return self.frames > self.clip.tail

    def is_any_of(self, clips: Iterable[Clip]) -> bool:
        return not {self.clip, *self.same}.isdisjoint(clips)

    def __str__(self) -> str:
        return self.clip.name


def read_sound(path: Path) -> Samples:
    """The samples of a prompt: `.alaw` is bare A-law, everything else must be WAV.

    Raises:
        BadSound: not a WAV file of 8000 Hz, 16 bit, one channel.
        OSError: unreadable.
    """
    if path.suffix == ".alaw":
        return PCMA.decode(path.read_bytes())
    try:
        with wave.open(str(path), "rb") as file:
            shape = file.getframerate(), file.getsampwidth() * 8, file.getnchannels()
            if shape != (RATE, 16, 1):
                raise BadSound(
                    f"{path}: {shape[0]} Hz, {shape[1]} bit, {shape[2]} channel(s); it must be 8000, 16, 1"
                )
            return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.int16)
    except (wave.Error, EOFError) as wrong:
        raise BadSound(f"{path}: not a WAV file ({wrong})") from wrong


class PromptIndex:
    """All clips by the bytes of their frames. Built once per process and shared among calls.

    Clips without a clearly audible frame are left out: nobody can recognise them.
    """

    def __init__(self, sounds: Mapping[tuple[str, str], Samples]) -> None:
        """`sounds`: (lang, key) -> int16 samples at 8 kHz."""
        self.clips: list[Clip] = []
        """All clips, sorted by name; of those that sound exactly the same the first only."""
        self.twins: dict[Clip, tuple[Clip, ...]] = {}
        """Clip -> the others with exactly the same sound."""
        self.loud: list[bytes] = []
        """By clip number: for each frame, whether it is clearly audible (1) or not (0)."""
        self._samples: list[Samples] = []
        self._frames: dict[CodecName, dict[bytes, tuple[int, ...]]] = {}
        self._templates: dict[tuple[Clip, int], tuple[npt.NDArray[np.complex64], int]] = {}
        first_with: dict[bytes, Clip] = {}
        for (lang, key), samples in sorted(sounds.items()):
            count = len(samples) // FRAME
            peaks = np.abs(samples[: count * FRAME].reshape(count, FRAME).astype(np.int32)).max(axis=1, initial=0)
            audible = np.flatnonzero(peaks >= CLEAR)
            if not len(audible):
                continue
            clip = Clip(lang, key, count, int(audible[0]), int(audible[-1]))
            first = first_with.setdefault(samples.tobytes(), clip)
            if first is clip:
                self.clips.append(clip)
                self.loud.append((peaks >= CLEAR).astype(np.uint8).tobytes())
                self._samples.append(samples)
            else:
                self.twins[first] = (*self.twins.get(first, ()), clip)
        self.places = {clip: at for at, clip in enumerate(self.clips)}

    @classmethod
    def from_folder(cls, sounds: Path) -> "PromptIndex":
        """Every `<sounds>/<lang>/<key>.alaw` or `.wav`; a key may have folders of its own.

        Raises:
            BadSound: a WAV file is not 8 kHz, 16 bit, mono; a prompt is there as both (which of them is played
                depends on the call); or there is none at all.
        """
        files: dict[tuple[str, str], Path] = {}
        for path in sorted(path for path in sounds.glob("*/**/*") if path.suffix in (".alaw", ".wav")):
            lang, *key = path.relative_to(sounds).with_suffix("").parts
            if (other := files.setdefault((lang, "/".join(key)), path)) != path:
                raise BadSound(f"{path}: {other.name} is there, too; remove one of them")
        if not files:
            raise BadSound(f"{sounds}: no prompts there; expected {sounds}/<language>/<key>.alaw or .wav")
        return cls({name: read_sound(path) for name, path in files.items()})

    def find(self, prompt: str) -> frozenset[Clip]:
        """The clips called so: `lang/key`, or the key alone for that clip in any language.

        Raises:
            UnknownPrompt: there is none; the message names the nearest.
        """
        every = [*self.clips, *(clip for twins in self.twins.values() for clip in twins)]
        found = frozenset(clip for clip in every if prompt in (clip.name, clip.key))
        if not found:
            names = {name for clip in every for name in (clip.name, clip.key)}
            near = ", ".join(get_close_matches(prompt, names, 3)) or "nothing like it"
            raise UnknownPrompt(f"no clip {prompt!r} among {len(every)} audible clips; there is {near}")
        return found

    def frames(self, codec: Codec) -> dict[bytes, tuple[int, ...]]:
        """Audible frame, encoded -> where it stands; each place is clip number << 16 | frame number."""
        if codec.name not in self._frames:
            self._frames[codec.name] = index = {}
            for at, samples in enumerate(self._samples):
                data = codec.encode(samples)
                for n in range(self.clips[at].frames):
                    frame = data[n * FRAME : (n + 1) * FRAME]
                    if codec.audible(frame):
                        index[frame] = (*index.get(frame, ()), at << 16 | n)
        return self._frames[codec.name]

    def template(self, clip: Clip, size: int) -> tuple[npt.NDArray[np.complex64], int]:
        """The clip's audible beginning for a correlation by FFT of `size`: spectrum at unit energy, samples."""
        if (clip, size) not in self._templates:
            samples = self._samples[self.places[clip]]
            start = clip.onset * FRAME
            part = samples[start : min(start + TEMPLATE, (clip.tail + 1) * FRAME)].astype(np.float32)
            spectrum = np.conj(np.fft.rfft(part / np.linalg.norm(part), size)).astype(np.complex64)
            self._templates[clip, size] = spectrum, len(part)
        return self._templates[clip, size]


@dataclass(slots=True)
class _Playing:
    """What could be playing: places of beginnings, and how many frames speak for them."""

    starts: set[tuple[int, int]] = field(default_factory=set)
    """(clip number, sequence number of its first frame)"""
    votes: int = 0
    last: int = 0
    """Sequence number of the last frame that fitted."""
    arrival: float = 0.0
    heard: Heard | None = None


class Listener:
    """One call's ear. Fed with frames, it calls `on_heard` once for each playing of a clip."""

    def __init__(self, index: PromptIndex, codec: Codec, on_heard: Callable[[Heard], None]) -> None:
        self._index = index
        self._codec = codec
        self._frames = index.frames(codec)
        self._on_heard = on_heard
        self._recent: deque[tuple[int, float, bytes]] = deque(maxlen=MEMORY)
        self._now: _Playing | None = None
        self._claimed = -1
        """Sequence number up to which everything has been recognised."""
        self._wanted: frozenset[Clip] = frozenset()
        self._unlike = 0
        self.unknown = 0
        """Audible frames that belong to no clip."""

    def frame(self, sequence: int, payload: bytes, arrival: float, audible: bool) -> None:
        """One received frame; `sequence` counts on without wrap-around."""
        if not self._recent:
            self._claimed = sequence - 1
        self._recent.append((sequence, arrival, payload))
        if not audible:
            self._silence(sequence)
            return
        places = self._frames.get(payload)
        if places is None:
            self.unknown += 1
            self._unlike += 1
            if self._wanted and self._unlike % EACH == 0:
                self._correlate(WINDOW)
            return
        now = self._now
        starts = {(place >> 16, sequence - (place & 0xFFFF)) for place in places}
        if now is not None and (fitting := now.starts & starts):
            now.starts = fitting
        elif now is not None and now.heard is not None and (slipped := self._slipped(now, starts, sequence)):
            now.starts = {slipped}
        else:
            self.settle()
            fresh = {start for start in starts if start[1] > self._claimed} or starts
            now = self._now = _Playing(fresh)
        now.votes += 1
        now.last, now.arrival = sequence, arrival
        if now.heard is not None:
            self._goes_on(now, now.heard)
        else:
            self._decide_if_one(now)

    def idle(self, now: float) -> None:
        """To be called now and then: a pause decides what is still open."""
        if self._now is not None and self._recent and now - self._recent[-1][1] > PAUSE:
            self.settle()

    def settle(self) -> None:
        """Decide by what is known, as when the sound has broken off."""
        now = self._now
        if now is None or now.heard is not None:
            return  # one that is decided may go on after the pause: Asterisk holds a prompt for the keys of INFO
        self._now = None

        def rank(start: tuple[int, int]) -> tuple[bool, int, int]:
            clip = self._index.clips[start[0]]
            return now.last - start[1] != clip.tail, clip.frames, -start[1]

        best, *others = sorted(now.starts, key=rank)
        if self._enough(now, best):
            self._now = now
            same = {self._index.clips[number] for number, _ in others} - {self._index.clips[best[0]]}
            self._decide(now, best, tuple(sorted(same, key=str)))

    def _enough(self, now: _Playing, start: tuple[int, int]) -> bool:
        clip = self._index.clips[start[0]]
        return now.votes >= min(VOTES, clip.tail - clip.onset + 1)

    def expect(self, clips: frozenset[Clip]) -> None:
        """Also listen for these by correlation, from the last recognised point on; none = no longer."""
        self._wanted = clips
        if clips and self._unlike >= EACH:
            self._correlate(MEMORY)

    def _silence(self, sequence: int) -> None:
        """No evidence for anything, but against a playing that should be audible by now."""
        now = self._now
        if now is None or now.heard is not None or sequence < now.last:
            return
        clips, loud = self._index.clips, self._index.loud
        over = {start for start in now.starts if sequence - start[1] >= clips[start[0]].frames}
        left = {start for start in now.starts - over if not loud[start[0]][sequence - start[1]]} | over
        if not left or left == over:
            self.settle()
        elif left != now.starts:
            now.starts = left
            self._decide_if_one(now)

    def _decide_if_one(self, now: _Playing) -> None:
        if len(now.starts) == 1 and self._enough(now, start := next(iter(now.starts))):
            self._decide(now, start, ())

    def _slipped(self, now: _Playing, starts: set[tuple[int, int]], sequence: int) -> tuple[int, int] | None:
        (number, begun) = next(iter(now.starts))
        for start in starts:
            forward = sequence - start[1] > now.last - begun
            if start[0] == number and forward and abs(start[1] - begun) <= SLIP:
                return start
        return None

    def _goes_on(self, now: _Playing, heard: Heard) -> None:
        heard.last_packet = now.arrival
        heard.frames = now.last - min(start for _, start in now.starts) + 1
        self._claimed = now.last

    def _decide(self, now: _Playing, start: tuple[int, int], same: tuple[Clip, ...]) -> None:
        clip, first = self._index.clips[start[0]], start[1]
        same += tuple(twin for each in (clip, *same) for twin in self._index.twins.get(each, ()))
        heard = Heard(clip, self._arrival(first), self._arrival(first + clip.onset), now.arrival, same=same)
        now.starts, now.heard = {start}, heard
        self._unlike = 0
        self._goes_on(now, heard)
        self._on_heard(heard)

    def _arrival(self, sequence: int) -> float:
        """When that frame came; reckoned from the next one that did, where it was lost."""
        recent = self._recent
        at = len(recent) - 1 - (recent[-1][0] - sequence)
        if 0 <= at < len(recent) and recent[at][0] == sequence:
            return recent[at][1]
        later = min((frame for frame in recent if frame[0] >= sequence), default=recent[-1])
        return later[1] - (later[0] - sequence) * FRAME_S

    def _correlate(self, frames: int) -> None:
        recent = [frame for frame in list(self._recent)[-frames:] if frame[0] > self._claimed]
        sound = self._codec.decode(b"".join(frame[2] for frame in recent)).astype(np.float32)
        size = 1 << (len(sound) + TEMPLATE).bit_length()
        spectrum = np.fft.rfft(sound, size)
        energy = np.concatenate(([0.0], np.cumsum(np.square(sound, dtype=np.float64))))
        highest, at, until, found = LIKENESS, 0, 0, None
        for clip in self._wanted & self._index.places.keys():
            template, length = self._index.template(clip, size)
            lags = len(sound) - length + 1
            if lags <= 0:
                continue
            window = np.sqrt(np.maximum(energy[length:] - energy[:-length], 1.0))
            likeness = np.fft.irfft(spectrum * template, size)[:lags] / window
            lag = int(likeness.argmax())
            if likeness[lag] > highest:
                highest, at, until, found = float(likeness[lag]), lag, lag + length - 1, clip
        if found is None:
            return
        sequence, onset, _ = recent[at // FRAME]
        self._claimed = recent[until // FRAME][0]
        self._unlike = recent[-1][0] - self._claimed
        first = self._arrival(sequence - found.onset)
        same = self._index.twins.get(found, ())
        self._on_heard(Heard(found, first, onset, recent[-1][1], same=same, by="correlation"))
