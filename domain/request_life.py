"""The life of a request: which act is possible in which state, and where it leads.  One table; nothing else decides.

Rules: a draft is completed, or refused, before anybody answers for it; a reply names the person responsible, so
nobody replies before somebody is; an interim reply is sent once; what is considered or refused is closed and never
changes again: who disagrees registers another request.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from domain.model import RequestState


class Act(StrEnum):
    """What can be done about a request; the words of its history, after "registered" or "drafted"."""

    COMPLETE = "completed"
    ASSIGN = "assigned"
    NOTE = "noted"
    EXAMINE = "examined"
    INTERIM = "interim"
    CONSIDER = "considered"
    REFUSE = "refused"
    ESCALATE = "escalated"


_DRAFT: Final = RequestState.DRAFT
_OPEN: Final = RequestState.REGISTERED
_ASSIGNED: Final = RequestState.ASSIGNED
_INTERIM: Final = RequestState.INTERIM
_CONSIDERED: Final = RequestState.CONSIDERED
_REFUSED: Final = RequestState.REFUSED

LEADS: Final[Mapping[RequestState, Mapping[Act, RequestState]]] = MappingProxyType(
    {
        _DRAFT: {
            Act.COMPLETE: _OPEN,
            Act.NOTE: _DRAFT,
            Act.REFUSE: _REFUSED,
            Act.ESCALATE: _DRAFT,
        },
        _OPEN: {
            Act.ASSIGN: _ASSIGNED,
            Act.NOTE: _OPEN,
            Act.EXAMINE: _OPEN,
            Act.REFUSE: _REFUSED,
            Act.ESCALATE: _OPEN,
        },
        _ASSIGNED: {
            Act.ASSIGN: _ASSIGNED,
            Act.NOTE: _ASSIGNED,
            Act.EXAMINE: _ASSIGNED,
            Act.INTERIM: _INTERIM,
            Act.CONSIDER: _CONSIDERED,
            Act.REFUSE: _REFUSED,
            Act.ESCALATE: _ASSIGNED,
        },
        _INTERIM: {
            Act.ASSIGN: _INTERIM,
            Act.NOTE: _INTERIM,
            Act.EXAMINE: _INTERIM,
            Act.CONSIDER: _CONSIDERED,
            Act.REFUSE: _REFUSED,
            Act.ESCALATE: _INTERIM,
        },
        _CONSIDERED: {},
        _REFUSED: {},
    }
)
"""State -> act -> the state that it leads to; an act that isn't there is impossible."""

CLOSED: Final = frozenset(state for state, acts in LEADS.items() if not acts)
