"""A conversation on the screen as it happens: what the caller hears, what they key, what the business says."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from ivr.dialog import Answer, Ending
from ivr.ports import Alternative, Line

_HIDDEN = frozenset({"speak", "record"})


class Screen:
    """A watcher that prints.  One call at a time reads best."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._keys: dict[str, str] = {}
        self._began: dict[str, Line] = {}

    def _print(self, call: str, text: str) -> None:
        line = self._began.get(call)
        at = (line.date() - line.began.at).total_seconds() if line else 0.0
        self._console.print(f"[dim]{at:6.1f}[/] {text}")

    def _flush(self, call: str) -> None:
        if keys := self._keys.pop(call, ""):
            self._print(call, f"[bold cyan]     keys  {escape(keys)}[/]")

    def began(self, line: Line, adopted: bool) -> None:
        self._began[line.began.call] = line
        what = "taken over after a restart" if adopted else f"from {line.began.caller or 'a withheld number'}"
        self._print(line.began.call, f"[bold]call {escape(line.began.call)}[/] {what}")

    def said(self, call: str, prompt: str, text: str) -> None:
        self._flush(call)
        self._print(call, f"[green]   hears[/]  {escape(text)}")

    def keyed(self, call: str, key: str) -> None:
        self._keys[call] = self._keys.get(call, "") + key

    def spoke(self, call: str, alternatives: Sequence[Alternative]) -> None:
        best = f"{alternatives[0].words} ({alternatives[0].confidence:.2f})" if alternatives else "noise"
        self._print(call, f"[bold cyan]     says  {escape(best)}[/]")

    def deaf(self, call: str, why: str) -> None:
        self._print(call, f"[yellow]no speech any more: {escape(why)}[/]")

    def answered(self, call: str, answer: Answer) -> None:
        self._flush(call)
        if answer.interruption:
            self._print(call, f"[yellow]          {escape(answer.interruption)}[/]")
        elif answer.result is not None and answer.label not in _HIDDEN:
            self._print(call, f"[magenta]   store[/]  {escape(answer.label)} -> {escape(_short(answer.result))}")

    def ended(self, call: str, ending: Ending) -> None:
        self._flush(call)
        to = f", to {ending.to}: {ending.because}" if ending.to else ""
        self._print(call, f"[bold]outcome[/]  {ending.outcome}{escape(to)}")

    def left(self, call: str) -> None:
        self._flush(call)
        self._print(call, "[yellow]no longer conducted here[/]")


def _short(result: object) -> str:
    text = str(result)
    return text if len(text) <= 100 else f"{text[:97]}..."
