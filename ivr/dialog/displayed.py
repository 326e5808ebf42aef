"""Digits that are read off something: how they may be said."""

from ivr.dialog.grammar import Nomatch, Progress, Spoken
from ivr.dialog.numbers import NotANumber, digit_words, number_words, spoken_digits


class Displayed(Spoken):
    """What a display shows.  Leading zeros may be left out, so the most plausible reading counts, however long it is;
    decimals that are called so are left out, too.  More than is shown was misheard, rather than misread."""

    __slots__ = ()

    @property
    def widest(self) -> int:
        """As many digits as may be said; more may be keyed."""
        raise NotImplementedError

    def phrases(self, language: str) -> tuple[str, ...]:
        return number_words(language, fraction=True)

    def spelled(self, words: str) -> str:
        try:
            keys = spoken_digits(words, fraction=True)
        except NotANumber:
            raise Nomatch(words) from None
        if len(keys) > self.widest:
            raise Nomatch(words)
        return keys


class SingleDigit(Spoken):
    """One digit, and no other words."""

    __slots__ = ()

    def digit(self, heard: str) -> str:
        """The digit, where it is one that may be given.  Raises `Nomatch`."""
        if self.progress(heard) is not Progress.FULL:
            raise Nomatch(heard)
        return heard

    def phrases(self, language: str) -> tuple[str, ...]:
        return digit_words(language)
