"""Why a call ended: Q.850 causes, as Asterisk uses them, become our words.

Rule: a number that is not in the table is noted as a stranger and becomes `UNKNOWN`, never a guess.
Source of the numbers: ITU-T Q.850, table 1; include/asterisk/causes.h for 0.
"""

from ivr.asterisk.events import Strangers
from ivr.ports import Cause

_FAR_END = {
    0: Cause.CALLER,  # no cause given: a plain BYE
    16: Cause.CALLER,  # normal call clearing
    31: Cause.CALLER,  # normal, unspecified
    **dict.fromkeys((1, 2, 3, 27, 28, 34, 38, 41, 42, 43, 44, 47), Cause.FAULT),  # no route, no circuit, congestion
    **dict.fromkeys((50, 57, 58, 63, 65, 66, 69, 79), Cause.FAULT),  # service or option not available
    **dict.fromkeys((81, 88, 95, 96, 97, 98, 99, 100, 101, 102, 111, 127), Cause.FAULT),  # protocol, timers
}


def cause_of(q850: int, strangers: Strangers, *, ours: bool = False) -> Cause:
    """The cause of a call's end in our words.

    ours: this side asked for the end, so that a normal clearing is ours and not the caller's.
    """
    cause = _FAR_END.get(q850)
    if cause is None:
        strangers.note("hang-up cause", q850)
        return Cause.UNKNOWN
    return Cause.US if ours and cause is Cause.CALLER else cause
