"""An import from its files to the store.

Rules
1. An account is in the store completely, or its rows are in the report; never half of it, never neither.
2. A running hotline keeps its pace: what is written goes in short transactions, each as many accounts as take about
   `HOLD`, and twice as long others get the store.
3. Cut off anywhere, it is begun again from the files and leads to the same store.
"""

import csv
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from domain import rules
from domain.intake.columns import PLACE, BadFile
from domain.intake.keeping import Counts, Plan, carry_out, plan
from domain.intake.rows import Customer, Place, Problem, Wrong, account_number, assemble
from domain.intake.sources import Cells, Raw, Source
from domain.intake.staging import Staging, staging
from domain.store import Store

HOLD: Final = 0.02
"""Seconds that a transaction may keep the store from others, about; SQLite has one writer."""
REST: Final = 2.0
"""How many times as long as a transaction took the store is left to others; the next batch is made meanwhile.  SQLite
wakes nobody: who waits looks again after 1, 2, 5, 10 ms and so on, and should find it free two times of three."""
LONGEST_REST: Final = 0.2
"""Seconds; a transaction that took longer had waited itself."""
_LEAST, _MOST = 4, 400
_TELL: Final = 2000
"""Rows, or accounts, between reports of progress."""

Tell = Callable[[str, int, int], None]
"""Told of progress: what is done, how far, of how much."""

_BUILDING: Final = tuple(PLACE[column] for column in ("region", "settlement", "street", "house"))
_FEEDER, _EIC, _ACCOUNT = PLACE["feeder"], PLACE["eic"], PLACE["account"]


@dataclass(slots=True)
class Summary:
    """What came of an import.  rows: of all files.  refused_rows, refused_accounts: what the report has.
    longest: seconds that the longest transaction kept the store from others."""

    rows: int = 0
    refused_rows: int = 0
    refused_accounts: int = 0
    longest: float = 0.0
    counts: Counts = field(default_factory=Counts)


def take_in(
    store: Store,
    sources: Sequence[Source],
    *,
    at: datetime,
    report: Path,
    tell: Tell | None = None,
    folder: Path | None = None,
    dry: bool = False,
    alone: bool = False,
) -> Summary:
    """Import these files together.

    at: now, timezone-aware UTC.  report: where refused rows go (a CSV, readable by its owner only); what lies there
    is replaced, or removed when nothing was refused.  folder: where there is room for a copy of all rows meanwhile.
    dry: only say what would be done.  alone: nobody else needs the store, so leave no pauses.
    Raises BadFile, StoreFault, NoRoom; what was imported before stays.
    """
    summary = Summary()
    today = rules.local_day(at)
    tell = tell or (lambda what, done, of: None)
    with staging(folder) as staged:
        for number, source in enumerate(sources):
            _stage(staged, source, number, summary, tell)
        staged.sort()
        writing = _Writing(store, at, dry, alone)
        customers = _customers(staged, summary, today)
        done = told = 0
        while batch := list(islice(customers, writing.size)):
            for customer, problem in writing.keep(batch):
                _refuse(staged, summary, customer.places, [problem])
            done += len(batch)
            if done - told >= _TELL:
                told = done
                tell("accounts", done + summary.refused_accounts, staged.accounts)
        tell("accounts", staged.accounts, staged.accounts)
        summary.counts, summary.longest = writing.counts, writing.longest
        _write_report(report, staged, sources)
    return summary


# Rows


def _stage(staging: Staging, source: Source, number: int, summary: Summary, tell: Tell) -> None:
    """All rows of a file into the staging; what is no row of an account is refused."""
    feeder = ""
    for count, raw in enumerate(source.rows(), 1):
        if count % _TELL == 0:
            tell(source.path.name, raw.done, source.size)
        summary.rows += 1
        place = Place(number, raw.row)
        try:
            account = account_number(raw.cells[_ACCOUNT])
        except Wrong as wrong:
            problem = (
                Problem(place, "", "", raw.wrong) if raw.wrong
                else Problem(place, "account", raw.cells[_ACCOUNT], str(wrong))
            )  # fmt: skip
            staging.refuse(problem)
            summary.refused_rows += 1
            continue
        if raw.wrong:
            staging.first("unreadable", account, "", place)
            staging.refuse(Problem(place, "", "", raw.wrong))
            summary.refused_rows += 1
            continue
        staging.add(account, place, raw.cells)
        feeder = _note(staging, account, place, raw, feeder)
    tell(source.path.name, source.size, source.size)


def _note(staging: Staging, account: str, place: Place, raw: Raw, noted: str) -> str:
    """Note what must be the same, or another's nowhere, over all files."""
    cells = raw.cells
    if cells[_EIC]:
        staging.first("eic", cells[_EIC].upper(), account, place)
    if cells[_FEEDER] and noted != (building := _building(cells)):
        staging.first("feeder", building, cells[_FEEDER], place)
        return building
    return noted


def _building(cells: Cells) -> str:
    return ", ".join([cells[place] for place in _BUILDING])


# Accounts


def _customers(staging: Staging, summary: Summary, today: date) -> Iterator[Customer]:
    """Every account that can be imported, as far as the files tell; the rows of others are refused."""
    for number, rows in staging.by_account():
        places = [place for place, _ in rows]
        if (unreadable := staging.said("unreadable", number)) is not None:
            problem = Problem(places[0], "", "", f"row {unreadable[1].row} of the same account can't be read")
            _refuse(staging, summary, places, [problem])
            continue
        customer, problems = assemble(number, rows, today)
        problems += _elsewhere(staging, number, rows)
        if problems:
            _refuse(staging, summary, places, problems)
        else:
            yield customer


def _elsewhere(staging: Staging, number: str, rows: Sequence[tuple[Place, Cells]]) -> Iterator[Problem]:
    """What other accounts' rows contradict."""
    for place, cells in rows:
        if cells[_EIC] and (first := staging.said("eic", cells[_EIC].upper())) and first[0] != number:
            yield Problem(place, "eic", cells[_EIC], f"row {first[1].row} gives this EIC to account {first[0]}")
        if cells[_FEEDER] and (first := staging.said("feeder", _building(cells))) and first[0] != cells[_FEEDER]:
            reason = f"row {first[1].row} says that this building is on {first[0]}"
            yield Problem(place, "feeder", cells[_FEEDER], reason)


def _refuse(staging: Staging, summary: Summary, places: Sequence[Place], problems: Sequence[Problem]) -> None:
    """These rows of an account are not imported: those with a problem for that, the others because of them."""
    named = {problem.place for problem in problems}
    for problem in problems:
        staging.refuse(problem)
    for place in places:
        if place not in named:
            because = problems[0].place
            reason = f"row {because.row} of the same account was refused, and an account comes whole or not at all"
            staging.refuse(Problem(place, "", "", reason))
    summary.refused_rows += len(named | set(places))
    summary.refused_accounts += 1


class _Writing:
    """Batches of customers into the store, as large as `HOLD` allows.  size: of the next one."""

    def __init__(self, store: Store, at: datetime, dry: bool, alone: bool) -> None:
        self.size = 20
        self.counts = Counts()
        self.longest = 0.0
        self._store = store
        self._at = at
        self._today = rules.local_day(at)
        self._dry = dry
        self._rest = 0.0 if alone else REST
        self._rests = 0.0  # until then, monotonic seconds

    def keep(self, batch: Sequence[Customer]) -> list[tuple[Customer, Problem]]:
        """Write them; those that the store contradicts come back with the reason."""
        try:
            made = self._write(batch)
        except IntegrityError as fault:
            if len(batch) == 1:  # a rule of the store that we don't know of
                return [(batch[0], Problem(batch[0].places[0], "", "", f"the store refuses it: {fault.orig}"))]
            return [refused for each in batch for refused in self.keep([each])]
        self.counts.add(made.counts)
        return made.refused

    def _write(self, batch: Sequence[Customer]) -> Plan:
        if self._dry:
            return self._store.read(lambda conn: plan(conn, batch, self._today)).result()
        began = [0.0]
        time.sleep(max(0.0, self._rests - time.monotonic()))

        def job(conn: Connection) -> Plan:
            began[0] = time.monotonic()
            made = plan(conn, batch, self._today)
            carry_out(conn, made, self._at)
            return made

        made = self._store.write(job).result()
        ended = time.monotonic()
        held = ended - began[0]
        self._rests = ended + min(self._rest * held, LONGEST_REST)
        self.longest = max(self.longest, held)
        wanted = int(len(batch) * min(1.5, HOLD / held))
        self.size = max(_LEAST, min(_MOST, (self.size + wanted) // 2))
        return made


# The report


def _write_report(report: Path, staging: Staging, sources: Sequence[Source]) -> None:
    """All that was refused, whole or not at all, as a CSV that spreadsheets open."""
    partial = report.with_name(f"{report.name}.partial")
    try:
        rows = staging.refused()
        first = next(rows, None)
        if first is None:
            report.unlink(missing_ok=True)
            return
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8-sig", newline="") as file:
            out = csv.writer(file)
            out.writerow(("file", "row", "column", "value", "reason"))
            out.writerows(_reported(problem, sources) for problem in chain((first,), rows))
        partial.replace(report)
    except OSError as fault:
        raise BadFile(
            f"the report of refused rows can't be written to {report} ({fault.strerror}): what could be imported is; "
            "import the same files again with --rejected FILE to have it"
        ) from fault


def _reported(problem: Problem, sources: Sequence[Source]) -> tuple[str, int, str, str, str]:
    place = problem.place
    return sources[place.file].path.name, place.row, problem.column, _harmless(problem.value), problem.reason


def _harmless(value: str) -> str:
    """A value that a spreadsheet doesn't take for a formula."""
    formula = value[:1] in ("=", "@") or (value[:1] in ("+", "-") and not value[1:].isdigit())
    return f"'{value}" if formula else value
