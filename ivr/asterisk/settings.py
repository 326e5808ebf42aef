"""How a switchboard behaves."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SwitchboardSettings:
    """capacity: the most calls at one time.

    tidy_every: seconds between rounds of the reaper.  overdue: seconds after which a confirmation that did not
    come is asked for.  watch_every: seconds between looks at a call that people have, in case its end was missed.
    patience: seconds that a line waits for an event that must come.
    at_once: how many channels are asked about at the same time after a connection.
    over_context: the dialplan's context for calls whose longest duration is reached.
    utterance: seconds in which a recogniser must say what it understood.
    beyond_loopback: what callers say may be sent to recognisers on other machines, unencrypted.
    filler: clips of silence to play while nothing else does.  When empty, Asterisk's silence generator runs, which
    keeps the recording's time line as well, but lets Asterisk report quick keys twice.
    """

    capacity: int = 200
    tidy_every: float = 5.0
    overdue: float = 5.0
    watch_every: float = 30.0
    patience: float = 1.0
    at_once: int = 16
    over_context: str = "over"
    utterance: float = 3.0
    beyond_loopback: bool = False
    filler: tuple[str, ...] = ("pause/10000",) * 6
