"""Spoken numbers: what digits words stand for."""


class NotANumber(ValueError):
    """These words are no number."""


def readings(words: str) -> tuple[str, ...]:
    """All plausible digit strings, most plausible first.  Raises `NotANumber`."""
    digits = {w: str(n) for n, w in enumerate("нуль один два три чотири п'ять шість сім вісім дев'ять".split())}
    try:
        return ("".join(digits[word] for word in words.split()),)
    except KeyError:
        raise NotANumber(words) from None


def number_words(language: str) -> tuple[str, ...]:
    """The vocabulary that suffices to say any number."""
    return tuple("нуль один два три чотири п'ять шість сім вісім дев'ять".split()) if language == "uk" else ()
