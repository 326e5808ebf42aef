"""What a recorded voice goes through before Asterisk may play it.

Theory: a telephone hears 300-3400 Hz at 8 kHz. A clip is band-limited, resampled, trimmed so that speech
starts at once (leading silence is latency that the caller hears), brought to one active speech level (in the
spirit of ITU-T P.56: the mean power of the 20-ms frames that hold speech), peak-limited, and padded to whole
20-ms frames, so that clips played in a row keep the packet rhythm. Everything is an array of floats in
[-1, 1] until it is written: as bare A-law (ITU-T G.711), one byte a sample, what calls carry anyway.
"""

import io
import math
import warnings
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # pydub misses ffmpeg, which WAV does not need; audioop-lts follows audioop
    import audioop

    from pydub import AudioSegment
    from pydub.exceptions import CouldntDecodeError

RATE = 8000
FRAME = RATE // 50
"""Samples in 20 ms."""
LEVEL_DB = -20.0
"""Active speech level that every clip gets, in dB of full scale (a full-scale sine has -3)."""
PEAK_DB = -3.0
LEAD_MS = 15
"""Silence kept before the first sound; 20 are allowed."""
SILENT_DB = -32.0
"""What lies so far below the active level is silence (RHVoice's English voices hiss at -40)."""

Samples = NDArray[np.float64]


class BadRecording(Exception):
    """A sound file cannot be used; the message says why and what would do."""


def read(path: Path) -> tuple[Samples, int]:
    """Samples (mono) and rate of a sound file. WAV and AIFF always; others if ffmpeg is on the machine."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sound: AudioSegment = AudioSegment.from_file(str(path))
    except (CouldntDecodeError, OSError, wave.Error, EOFError, IndexError, KeyError) as fault:
        raise BadRecording(f"{path} is not a sound file we can read ({fault}); save it as WAV, 16 bit") from None
    mono = sound.set_channels(1)
    return np.array(mono.get_array_of_samples(), dtype=np.float64) / mono.max_possible_amplitude, mono.frame_rate


def write_clip(path: Path, samples: Samples) -> None:
    """Bare A-law at 8 kHz, no header; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_bytes(_to_a_law(samples))
    new.replace(path)


def read_clip(path: Path) -> Samples:
    """What :func:`write_clip` wrote. Any bytes are A-law: that they are the right ones, the index knows."""
    return _from_a_law(path.read_bytes())


def a_law(samples: Samples) -> bytes:
    """What :func:`write_clip` writes."""
    return _to_a_law(samples)


def heard(clip: bytes) -> Samples:
    """The samples of a clip's bytes."""
    return _from_a_law(clip)


def as_wav(clip: bytes) -> bytes:
    """A clip for players that don't know A-law, browsers among them: WAV, 16 bit, 8 kHz."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(audioop.alaw2lin(clip, 2))
    return out.getvalue()


def _to_a_law(samples: Samples) -> bytes:
    linear = np.clip(np.rint(samples * 32767), -32768, 32767).astype(np.int16)
    return audioop.lin2alaw(linear.tobytes(), 2)


def _from_a_law(clip: bytes) -> Samples:
    return np.frombuffer(audioop.alaw2lin(clip, 2), np.int16) / 32768


def tone() -> Samples:
    """The tone after which a caller speaks: a quarter of a second of 1 kHz, at the level of speech."""
    count = RATE * 26 // 100
    fade = np.minimum(1.0, np.minimum(np.arange(count), np.arange(count)[::-1]) / (RATE * 5 // 1000))
    wave = np.sin(2 * np.pi * 1000 * np.arange(count) / RATE)
    return wave * fade * 10 ** (LEVEL_DB / 20) * math.sqrt(2)


def to_telephone(samples: Samples, rate: int) -> Samples:
    """Band-limit to 100-3600 Hz and resample to 8 kHz. ``rate`` in Hz, at least 8000."""
    if rate < RATE:
        raise BadRecording(f"recorded at {rate} Hz; at least {RATE} Hz are needed")
    step = rate // math.gcd(rate, RATE)
    margin = rate // 10 // step * step + step  # the Fourier transform joins both ends: keep them apart
    padded = np.pad(samples, (margin, margin + -len(samples) % step))
    spectrum = np.fft.rfft(padded)
    count = len(padded) * RATE // rate
    kept = spectrum[: count // 2 + 1]
    hertz = np.arange(len(kept)) * rate / len(padded)
    rise = np.clip((hertz - 60) / 80, 0, 1)
    fall = np.clip((3900 - hertz) / 400, 0, 1)
    mask = (np.sin(rise * np.pi / 2) * np.sin(fall * np.pi / 2)) ** 2
    sound = np.fft.irfft(kept * mask, count) * (RATE / rate)
    cut = margin * RATE // rate
    return sound[cut : cut + math.ceil(len(samples) * RATE / rate)]


def frame_db(samples: Samples, size: int = FRAME) -> Samples:
    """Level of each whole frame of ``size`` samples, in dB of full scale; -120 for digital silence."""
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    return 10 * np.log10(np.maximum((frames**2).mean(axis=1), 1e-12))


def active_db(samples: Samples) -> float:
    """Active speech level in dB of full scale: mean power of the frames within 20 dB of the loudest."""
    levels = frame_db(samples)
    if not len(levels):
        return -120.0
    loud = levels[levels > levels.max() - 20]
    return float(10 * np.log10((10 ** (loud / 10)).mean()))


def silence_ms(samples: Samples) -> tuple[float, float]:
    """Milliseconds of silence at the start and at the end, to 5 ms."""
    size = FRAME // 4
    heard = np.flatnonzero(frame_db(samples, size) > active_db(samples) + SILENT_DB)
    if not len(heard):
        whole = len(samples) * 1000 / RATE
        return whole, whole
    return float(heard[0] * 5), (len(samples) - (heard[-1] + 1) * size) * 1000 / RATE


def condition(samples: Samples, rate: int, tail_ms: int) -> Samples:
    """Make a recording ready: 8 kHz, trimmed, even, whole frames, ``tail_ms`` of silence behind.

    Raises :class:`BadRecording` if there is nothing to hear in it.
    """
    sound = to_telephone(samples, rate)
    if active_db(sound) < -60:
        raise BadRecording("it is silent")
    _, trail = silence_ms(sound)
    kept = min(int(trail), 20)  # milliseconds to die away
    sound = sound[: len(sound) - int((trail - kept) * RATE / 1000)].copy()
    while (lead := silence_ms(sound)[0]) > LEAD_MS:  # each cut shifts the frames that it is measured by
        sound = sound[int((lead - LEAD_MS) * RATE / 1000) :]
    fade = min(RATE * 5 // 1000, len(sound) // 4)
    sound[:fade] *= np.linspace(0, 1, fade)
    sound[-2 * fade :] *= np.linspace(1, 0, 2 * fade)
    sound *= 10 ** ((LEVEL_DB - active_db(sound)) / 20)
    sound = limit(sound)
    while (lead := silence_ms(_from_a_law(_to_a_law(sound)))[0]) > LEAD_MS:
        sound = sound[int((lead - LEAD_MS) * RATE / 1000) :]  # A-law took a frame's level below what counts as sound
        sound[:fade] *= np.linspace(0, 1, min(fade, len(sound)))
    wanted = len(sound) + max(0, tail_ms - kept) * RATE // 1000
    return np.pad(sound, (0, math.ceil(wanted / FRAME) * FRAME - len(sound)))


def limit(samples: Samples) -> Samples:
    """Press peaks above ``PEAK_DB`` down, softly from 3 dB below it on."""
    knee, top = 10 ** ((PEAK_DB - 3) / 20), 10 ** (PEAK_DB / 20)
    size = np.abs(samples)
    pressed = knee + (top - knee) * np.tanh((size - knee) / (top - knee))
    return np.where(size > knee, np.sign(samples) * pressed, samples)
