"""What the tests of speech say and hear: spoken fixtures, noises, keys, and a caller's stream in 20-ms frames."""

from pathlib import Path

import numpy as np

from ivr.speech.echo import _A_LAW

RATE = 8000
FRAME = 160
SOUNDS = Path(__file__).parent / "sounds"
MODEL = Path(__file__).parents[2] / "ivr/speech/models/proof-uk-ru"
DIGITS = {
    "uk": ("нуль", "один", "два", "три", "чотири", "п'ять", "шість", "сім", "вісім", "дев'ять"),
    "ru": ("ноль", "один", "два", "три", "четыре", "пять", "шесть", "семь", "восемь", "девять"),
}
YES_NO = {"uk": ("так", "ні", "оператор", "головне меню"), "ru": ("да", "нет", "оператор", "повторите")}


def spoken(name: str, level: float = -22.0) -> np.ndarray:
    """A fixture at `level` dBFS, float, 16-bit units."""
    return 32768 * 10 ** ((level + 22) / 20) * _A_LAW[np.frombuffer((SOUNDS / f"{name}.alaw").read_bytes(), np.uint8)]


def silence(seconds: float) -> np.ndarray:
    """A quiet line: noise at -70 dBFS."""
    return noise(seconds, -70)


def noise(seconds: float, level: float) -> np.ndarray:
    """White noise at `level` dBFS, always the same."""
    wave = np.random.default_rng(7).standard_normal(int(seconds * RATE))
    return wave * 32768 * 10 ** (level / 20)


def keys(seconds: float, length: float = 0.1) -> np.ndarray:
    """Key tones (ITU-T Q.23) at -10 dBFS, all sixteen in turn, as long as the gaps between them."""
    time = np.arange(int(length * RATE)) / RATE
    tones = [
        np.concatenate([np.sin(2 * np.pi * low * time) + np.sin(2 * np.pi * high * time), np.zeros(len(time))])
        for low in (697, 770, 852, 941)
        for high in (1209, 1336, 1477, 1633)
    ]
    return np.resize(np.concatenate(tones), int(seconds * RATE)) * 32768 * 10 ** (-10 / 20)


def joined(*parts: np.ndarray) -> np.ndarray:
    """One after the other, over the noise of the line."""
    whole = np.concatenate(parts)
    return whole + silence(len(whole) / RATE)[: len(whole)]


def frames(sound: np.ndarray) -> list[bytes]:
    """As 20-ms frames of 16-bit samples."""
    pcm = np.clip(np.rint(sound), -32768, 32767).astype(np.int16)
    pcm = np.pad(pcm, (0, -len(pcm) % FRAME))
    return [pcm[at : at + FRAME].tobytes() for at in range(0, len(pcm), FRAME)]
