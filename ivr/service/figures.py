"""What the hotline counts: for the operator's dashboards, in Prometheus' words.

Rule: a figure is a fact that somebody acts upon; `calls_without_key` per dialled number finds a trunk that loses
DTMF before the first complaint does.
"""

from collections import Counter as Tally
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from ivr.dialog import Answer, Ending
from ivr.ports import Line


class Figures:
    """A watcher that counts.  `registry` is what `/metrics` shows."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self._calls = Counter("hotline_calls", "Calls taken up", ["adopted"], registry=self.registry)
        self._outcomes = Counter("hotline_outcomes", "Calls by outcome", ["outcome"], registry=self.registry)
        self._keyless = Counter(
            "hotline_calls_without_key", "Calls in which no key arrived", ["dialled"], registry=self.registry
        )
        self._interrupted = Counter(
            "hotline_interruptions", "Questions not answered, by what came instead", ["question", "what"],
            registry=self.registry,
        )  # fmt: skip
        self._recordings = Counter("hotline_recordings", "Tapes settled", ["state"], registry=self.registry)
        self._odd = Counter("hotline_recordings_odd", "Sealed recordings with a remark", registry=self.registry)
        self._seconds = Histogram(
            "hotline_call_seconds", "Length of calls", registry=self.registry,
            buckets=(15, 30, 60, 90, 120, 180, 300, 600, 1800),
        )  # fmt: skip
        self._keys: Tally[str] = Tally()
        self._lines: dict[str, Line] = {}

    def gauge(self, name: str, help_: str, value: Callable[[], float]) -> None:
        """Show a number that somebody else knows."""
        Gauge(name, help_, registry=self.registry).set_function(value)

    def settled(self, state: str, odd: bool) -> None:
        """A tape was sealed, erased, or found missing."""
        self._recordings.labels(state).inc()
        if odd:
            self._odd.inc()

    # Watcher

    def began(self, line: Line, adopted: bool) -> None:
        self._calls.labels(str(adopted).lower()).inc()
        self._lines[line.began.call] = line

    def said(self, call: str, prompt: str, text: str) -> None:
        pass

    def keyed(self, call: str, key: str) -> None:
        self._keys[call] += 1

    def answered(self, call: str, answer: Answer) -> None:
        if answer.interruption:
            self._interrupted.labels(answer.label, answer.interruption).inc()

    def ended(self, call: str, ending: Ending) -> None:
        self._outcomes.labels(ending.outcome.value).inc()
        line = self._lines.pop(call, None)
        if line is not None:
            self._seconds.observe((line.date() - line.began.at).total_seconds())
            if not self._keys.pop(call, 0):
                self._keyless.labels(line.began.dialled).inc()
