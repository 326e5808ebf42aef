"""What a telephone picks up that is no answer: music, a dog, talk without end.  8 kHz, written as WAV files."""

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 8000
Sound = NDArray[np.float64]


def music(seconds: float) -> Sound:
    """Chords of four voices with attack and decay, over a bass, two a second."""
    t = np.arange(round(seconds * RATE)) / RATE
    found = np.zeros_like(t)
    for beat in range(round(seconds * 2)):
        root = 220 * 2 ** ([0, 5, 7, 3][beat // 4 % 4] / 12)
        since = t - beat / 2
        shape = np.where(since >= 0, np.exp(-4 * np.clip(since, 0, None)), 0) * np.clip(since * 100, 0, 1)
        for step, loud in ((-12, 0.7), (0, 1), (4, 0.6), (7, 0.6), (12, 0.3)):
            found += shape * loud * np.sin(2 * np.pi * root * 2 ** (step / 12) * since)
    return found


def barking(seconds: float, seed: int = 1) -> Sound:
    """A dog: a burst of harsh harmonics that falls in pitch, two or three in a row, then a rest."""
    chance = np.random.default_rng(seed)
    found = np.zeros(round(seconds * RATE))
    at = 0.1
    while at < seconds - 0.5:
        for _ in range(int(chance.integers(2, 4))):
            t = np.arange(round(0.16 * RATE)) / RATE
            pitch = chance.uniform(350, 550) * np.exp(-3 * t)
            phase = 2 * np.pi * np.cumsum(pitch) / RATE
            bark = sum(np.sin(n * phase) / n for n in range(1, 7)) + 0.8 * chance.standard_normal(len(t))
            begin = round(at * RATE)
            part = found[begin : begin + len(t)]
            part += (bark * np.sin(np.pi * t / t[-1]) ** 0.5)[: len(part)]
            at += 0.3
        at += chance.uniform(0.4, 0.9)
    return found


def together(*sounds: NDArray[np.int16]) -> Sound:
    """Several at once."""
    found = np.zeros(max(map(len, sounds)))
    for one in sounds:
        found[: len(one)] += one
    return found


def in_a_row(seconds: float, *sounds: NDArray[np.int16]) -> Sound:
    """One after the other without a pause, over and over."""
    return np.resize(np.concatenate([one.astype(np.float64) for one in sounds]), round(seconds * RATE))


def write(path: Path, sound: Sound, level: float = -26.0) -> Path:
    """Keep it as a file.  level: RMS in dB of full scale."""
    loud = sound / np.sqrt(np.mean(sound**2)) * 32768 * 10 ** (level / 20)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.clip(loud, -32768, 32767).astype("<i2").tobytes())
    return path
