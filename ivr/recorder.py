"""What happens on a caller's line, noted with its time until the journal takes it along.

Rules: noting never waits and never fails a call; what was noted is written with the journal's next line and with the
end of the call, so nothing is committed for it alone.  A call in which absurdly much happens (a jammed key) is noted
up to `MOST` moments.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from domain.moments import Kind, Moment
from ivr.ports import Alternative, Cause, Line
from prompts import Composition

MOST: Final = 3000


class Recorder:
    """The moments of one call that are not written yet (`pending`)."""

    def __init__(self, line: Line) -> None:
        self.pending: list[Moment] = []
        self._line = line
        self._next = 0
        self._playing = False
        self._concluded: datetime | None = None

    def resume(self, following: int) -> None:
        """The call has as many moments already."""
        self._next = following

    def written(self, count: int) -> None:
        """The first so many of those that were pending."""
        del self.pending[:count]

    def begins(self, flow: str, returned: int, adopted: bool) -> None:
        """A conversation begins, or is taken up where it was."""
        self._note(Kind.FLOW, flow=flow, returned=returned, **({"adopted": True} if adopted else {}))

    def plays(
        self,
        prompt: str,
        said: Composition,
        language: str,
        *,
        question: str | None = None,
        attempt: int = 1,
        after: str | None = None,
    ) -> None:
        """The caller starts to hear this; see `Kind.PROMPT`."""
        facts: dict[str, Any] = {"prompt": prompt, "text": said.text, "language": language}
        facts["seconds"] = round(said.duration_s, 2)
        if question:
            facts |= {"question": question, "attempt": attempt}
        if after:
            facts["after"] = after
        self._playing = True
        self._note(Kind.PROMPT, **facts)

    def hushed(self, by: str) -> None:
        """We stop what plays; by: "key" or "voice"."""
        if self._playing:
            self._playing = False
            self._note(Kind.PLAYED, whole=False, by=by)

    def played(self, whole: bool, fault: str | None) -> None:
        """It is over; where we stopped it that is known."""
        if self._playing:
            self._playing = False
            self._note(Kind.PLAYED, whole=whole, **({"fault": fault} if fault else {}))

    def overdue(self) -> None:
        """Nobody ever said that it is over."""
        self._playing = False
        self._note(Kind.OVERDUE)

    def keyed(self, key: str) -> None:
        self._note(Kind.KEY, key=key)

    def voice(self) -> None:
        self._note(Kind.VOICE)

    def pause(self, words: str) -> None:
        self._note(Kind.PAUSE, **({"words": words} if words else {}))

    def concluded(self) -> None:
        """The recogniser is asked what it was; times of words count from here."""
        self._concluded = self._line.date()

    def understood(self, alternatives: Sequence[Alternative]) -> None:
        """Best first; nothing when it was no speech."""
        now = self._line.date()
        ago = ((self._concluded or now) - now).total_seconds()
        ways = [
            {
                "words": one.words,
                "confidence": round(one.confidence, 3),
                "each": [
                    [word.word, round(word.begin + ago, 2), round(word.end + ago, 2), round(word.confidence, 2)]
                    for word in one.each
                ],
            }
            for one in alternatives
        ]
        self._note(Kind.UTTERANCE, alternatives=ways)

    def missed(self, why: str, question: str, attempt: int) -> None:
        """An attempt at a question was none; why: "noinput", or what is told the caller about it."""
        kind = Kind.NOINPUT if why == "noinput" else Kind.NOMATCH
        self._note(kind, question=question, attempt=attempt)

    def deaf(self, why: str) -> None:
        self._note(Kind.DEAF, why=why)

    def gone(self, cause: Cause) -> None:
        self._note(Kind.GONE, cause=cause.value)

    def over(self) -> None:
        """Nothing more will be written of this conversation: it was noted to its end."""
        self._note(Kind.OVER)

    def _note(self, kind: Kind, **facts: Any) -> None:
        if self._next > MOST:
            return
        if self._next == MOST:
            kind, facts = Kind.CUT, {}
        self.pending.append(Moment(self._next, self._line.date(), kind.value, facts))
        self._next += 1
