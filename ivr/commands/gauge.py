"""How far a long piece of work has come: bars on a terminal, a line now and then elsewhere."""

import time
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

EVERY: Final = 10.0
"""Seconds between lines where there is no terminal."""


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed and task.fields["counted"] else "")


class Gauge:
    """`tell(what, done, of)` shows it; a context manager.  Works of one kind share a bar.

    counted: the works whose unit means something to people, so that a rate is shown; others count bytes.
    """

    def __init__(self, console: Console, *, counted: frozenset[str] = frozenset({"accounts"})) -> None:
        self._console = console
        self._counted = counted
        self._tasks: dict[str, TaskID] = {}
        self._began: dict[str, float] = {}
        self._told = time.monotonic()
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), _Rate(),
            TimeRemainingColumn(), console=console, disable=not console.is_terminal,
        )  # fmt: skip

    def tell(self, what: str, done: int, of: int) -> None:
        """`done` of `of` is done of this."""
        now = time.monotonic()
        began = self._began.setdefault(what, now)
        if self._console.is_terminal:
            if what not in self._tasks:
                self._tasks[what] = self._progress.add_task(what, counted=what in self._counted)
            self._progress.update(self._tasks[what], completed=done, total=max(of, 1))
        elif done >= of or now - self._told >= EVERY:
            self._told = now
            self._console.print(Text(self._line(what, done, of, now - began)))

    def _line(self, what: str, done: int, of: int, seconds: float) -> str:
        line = f"{what}: {100 * done // max(of, 1)} %"
        if what in self._counted:
            line += f" ({done:,} of {of:,}"
            line += f", {done / seconds:,.0f}/s)" if seconds else ")"
        if seconds and 0 < done < of:
            line += f", about {seconds * (of - done) / done:.0f} s left"
        return line

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
