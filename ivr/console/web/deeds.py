"""The audit log in words: what was done, with what, and the details, as people say it.

Rules: every deed that is noted has its words (a test collects them from the source); what is not known here is shown
as it is noted, and never hidden.  The code stands beside, small: it is what the command line and the file name.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from domain.trail import Entry
from ivr.console.web.look import KYIV
from ivr.console.web.words import Tongue

_VALUES: Final = {
    "way": ("trail.way_",), "why": ("trail.why_",), "needs": ("staff.may_",), "role": ("console.role_",),
    "before": ("console.role_",), "after": ("console.role_",), "format": ("trail.format_",), "list": ("trail.list_",),
    "what": ("trail.what_",), "flows": ("calls.flow_",), "outcomes": ("calls.outcome_",),
    "languages": ("calls.language_",), "recording": ("calls.recording_",), "fault": ("trail.broken_",),
    "ground": ("requests.ground_",), "conclusion": ("trail.conclusion_",), "case": ("requests.case_",),
    "by": ("requests.by_",), "reply_by": ("requests.by_",),
}  # fmt: skip
"""Detail -> where the words of its values stand."""
_OF_STAFF: Final = ("staff", "signed", "password")
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")


class Deeds:
    """Says rows of the trail in a language.  names: login -> name."""

    def __init__(self, t: Tongue, names: Mapping[str, str]) -> None:
        self._t, self._names = t, names

    def what(self, code: str) -> str:
        """What was done, `thing.done`; or all that was done to a `thing`."""
        key = f"trail.what_{code.replace('.', '_')}" if "." in code else f"trail.thing_{code}"
        return self._t(key) if self._t.knows(key) else code

    def of(self, row: Entry) -> str:
        """To whom or what."""
        return self._names.get(row.of or "", row.of or "") if self.of_staff(row) else row.of or ""

    def of_staff(self, row: Entry) -> bool:
        """Was it done to somebody's account?"""
        return row.what.partition(".")[0] in _OF_STAFF

    def details(self, row: Entry) -> str:
        """Everything else that was noted: `name: value; name: value`."""
        return "; ".join(self._pair(name, value) for name, value in row.details.items())

    def _pair(self, name: str, value: Any) -> str:
        key = f"trail.detail_{name}"
        return f"{self._t(key) if self._t.knows(key) else name.replace('_', ' ')}: {self._value(name, value)}"

    def _value(self, name: str, value: Any) -> str:
        if isinstance(value, bool):
            return self._t("trail.yes" if value else "trail.no")
        if value is None:
            return "–"
        if isinstance(value, Mapping):
            return ", ".join(self._pair(str(inner), each) for inner, each in value.items()) or "–"  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        if isinstance(value, list | tuple):
            return ", ".join(self._value(name, each) for each in value)  # pyright: ignore[reportUnknownVariableType]
        text = str(value)
        for prefix in _VALUES.get(name, ()):
            if self._t.knows(key := prefix + text.replace(".", "_")):
                return self._t(key)
        if name == "who":
            return self._names.get(text, text)
        return _instant(text) if _INSTANT.match(text) else text


def grouped(deeds: list[str]) -> dict[str, list[str]]:
    """Deeds by what they are done to, both in order."""
    found: dict[str, list[str]] = {}
    for each in sorted(deeds):
        found.setdefault(each.partition(".")[0], []).append(each)
    return found


def _instant(text: str) -> str:
    """22.11.2026 09:05 in Kyiv."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{at.astimezone(KYIV):%d.%m.%Y %H:%M}" if at.tzinfo else text
