"""What an engine made of what somebody told: words with their times, and what they are worth.

Rule: values only; engines in other processes make them, the store keeps them (`domain.transcripts`).
"""

from dataclasses import dataclass, replace
from typing import Final

SURE: Final = 0.7
"""Confidence below which a word is shown as uncertain."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word as the engine writes it.  began, ended: seconds after the beginning of what was told.
    confidence: 0 to 1; None: the engine tells none."""

    text: str
    began: float
    ended: float
    confidence: float | None = None

    @property
    def sure(self) -> bool:
        """Whether one may rely on it."""
        return self.confidence is not None and self.confidence >= SURE


@dataclass(frozen=True, slots=True)
class Transcription:
    """What an engine made of it.  model: its name, for people.  remark: what a reader should know of its worth."""

    words: tuple[Word, ...]
    model: str
    remark: str | None = None

    @property
    def confidence(self) -> float | None:
        """The mean of the words' confidences; None when there are none."""
        told = [word.confidence for word in self.words if word.confidence is not None]
        return sum(told) / len(told) if told else None

    def moved(self, seconds: float) -> "Transcription":
        """The same, with all times later by so many seconds; none before 0."""
        words = tuple(
            replace(word, began=max(0.0, word.began + seconds), ended=max(0.0, word.ended + seconds))
            for word in self.words
        )
        return replace(self, words=words)
