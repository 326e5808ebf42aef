"""What the store says in English, in the reader's words: the rule of a deadline, a remark on a transcript.

Rules: words are for what we wrote ourselves (`domain.decrees`, `ivr.speech.transcribe_child`); what an operator
entered, or what nobody knows here, stays as it is stored, and the page shows it as that.
"""

import re
from functools import cache
from typing import Final

from domain.decrees import DEFAULTS
from domain.policy import DeadlinePolicy
from ivr.console.web.words import Tongue

_REMARKS: Final = (
    ("words", re.compile(r"the model knows (\d+) words only: whatever else was said is missing or made into these")),
    ("dropped", re.compile(r"(\d+) stretches in which it repeated itself or heard nobody were left out")),
    ("cut", re.compile(r"only the first (\d+) s were written down")),
)


def rule_in(tongue: Tongue, source: str) -> str | None:
    """The rule of a deadline; None for one that an operator entered in words of their own."""
    key = _rules().get(source)
    return tongue(f"requests.rule_{key}") if key else None


def remarks_in(tongue: Tongue, remark: str) -> list[tuple[str, bool]]:
    """Each remark, and whether it is in the reader's words."""
    return [_remark(tongue, each) for each in remark.split("; ")]


def _remark(tongue: Tongue, text: str) -> tuple[str, bool]:
    for name, form in _REMARKS:
        if found := form.fullmatch(text):
            return tongue(f"requests.remark_{name}", n=int(found[1])), True
    return text, False


@cache
def _rules() -> dict[str, str]:
    """Our word for each source: the case, the topic or the channel that the rule is for."""
    rows = [(row.source, row.terms) for row in DEFAULTS.rows if isinstance(row.terms, DeadlinePolicy)]
    return {source: str(terms.case or terms.topic or terms.channel or "usual") for source, terms in rows}
