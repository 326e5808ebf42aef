"""The monthly report as CSV: every figure in a row of its own.

Rules (docs/decisions/125)
1. It opens by a double click in the spreadsheets of Ukraine: UTF-8 with a byte order mark, semicolons, decimal
   commas, CRLF.  Programs read the same: the columns are fixed words, whatever the language of the texts.
2. Nothing in it can be a formula: a text that begins with = + - @, a tab or a carriage return gets an apostrophe
   before it (OWASP, CSV injection), and numbers are written by us.
3. Shares are shares of 1, not per cent, so that a spreadsheet can calculate with them.
"""

import csv
import io
from collections.abc import Iterator
from typing import Final, TypeAlias

from domain.report import Report
from ivr.console.report_words import Teller

Cell: TypeAlias = str | int | float | None
Row: TypeAlias = tuple[str, str, str, Cell, Cell]

HEAD: Final = ("group", "what", "figure", "value", "before")
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def document(given: Report, teller: Teller) -> bytes:
    """The file."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(HEAD)
    for row in rows(given, teller):
        writer.writerow([cell(each) for each in row])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def cell(value: Cell) -> str:
    """A cell as it is written."""
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".").replace(".", ",")
    return f"'{value}" if value.startswith(FORMULA) else value


def rows(given: Report, teller: Teller) -> Iterator[Row]:
    """Every figure.  figure: an English word that stays the same."""
    yield from _summary(given)
    for day, each in given.days:
        for name in ("calls", "contained", "people", "left", "ours", "known", "repeated"):
            yield "day", day.isoformat(), name, getattr(each, name), None
    for matter, each in given.matters:
        yield "matter", teller.matter(matter), "calls", each.calls, None
        yield "matter", teller.matter(matter), "containment", each.containment, None
        yield "matter", teller.matter(matter), "repeats", each.repeats, None
        yield "matter", teller.matter(matter), "seconds", each.average, None
    for outcome, n in given.outcomes.items():
        yield "outcome", teller.outcome(outcome), "calls", n, None
    for each in given.hours:
        yield "hour", f"{each.hour:02}:00", "calls_a_day", each.calls, None
        yield "hour", f"{each.hour:02}:00", "busiest", each.busiest, None
        yield "hour", f"{each.hour:02}:00", "erlang", each.erlang, None
    yield from _conversations(given, teller)
    for each in given.reasons:
        earlier = f"{teller.matter(each.before_matter)}, {teller.outcome(each.before_outcome)}"
        yield "repeat", f"{earlier}: {teller.matter(each.matter)}", "calls", each.calls, None
    yield from _desk(given, teller)


def _summary(given: Report) -> Iterator[Row]:
    period = f"{given.span.first.isoformat()}/{given.span.last.isoformat()}"
    now, old = given.calls, given.earlier.calls
    for name in ("calls", "contained", "people", "left", "ours", "known", "repeated", "seconds"):
        yield "period", period, name, getattr(now, name), getattr(old, name)
    yield "period", period, "containment", now.containment, old.containment
    yield "period", period, "repeats", now.repeats, old.repeats
    yield "period", period, "first_try", given.first_try, given.earlier.first_try
    terms = given.service.terms
    yield "standard", given.service.source, "seconds", terms.seconds, None
    yield "standard", given.service.source, "connected", terms.connected, None
    yield "standard", given.service.source, "lost", terms.lost, None
    for kind in ("people", "answer"):
        waits, was = getattr(given.service, kind), getattr(given.earlier.service, kind)
        for name in ("all", "answered", "within", "left", "unanswered", "connected", "lost", "median", "ninety"):
            yield f"wait_{kind}", period, name, getattr(waits, name), getattr(was, name)
    yield "wait_people", period, "handed", given.service.handed, given.earlier.service.handed


def _conversations(given: Report, teller: Teller) -> Iterator[Row]:
    old = {(each.part, each.spot): each for each in given.earlier.questions}
    for each in given.questions:
        what, was = teller.place(each.part, each.spot), old.get((each.part, each.spot))
        yield "question", what, "first_try", each.first_try, was.first_try if was else None
        for name in ("visits", "asked", "first", "keys", "speech", "prompts", "noinput", "nomatch", "barge_in"):
            yield "question", what, name, getattr(each, name), getattr(was, name) if was else None
    for each in given.places:
        if each.left:
            what = teller.place(each.part, each.spot)
            for name in ("visits", "hung_up", "gave_up", "people", "fault"):
                yield "place", what, name, getattr(each, name), None
            yield "place", what, "drop_off", each.drop_off, None


def _desk(given: Report, teller: Teller) -> Iterator[Row]:
    now, old = given.requests, given.earlier.requests
    for name in ("registered", "considered", "refused", "on_time", "late", "punctual", "days"):
        yield "requests", "", name, getattr(now, name), getattr(old, name)
    yield "requests", "", "overdue_now", now.overdue, None
    yield "requests", "", "owed_least", now.owed[0] / 100, old.owed[0] / 100
    yield "requests", "", "owed_most", now.owed[1] / 100, old.owed[1] / 100
    for each in given.readings:
        for name in ("accepted", "doubtful", "corrected", "void", "open"):
            yield "readings", teller(f"source_{each.source.value}"), name, getattr(each, name), None
