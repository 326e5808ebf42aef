"""What the hotline counts: for the operator's dashboards, in Prometheus' words.

Rule: a figure is a fact that somebody acts upon; `calls_without_key` per dialled number finds a trunk that loses
DTMF before the first complaint does.
"""

from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from ivr.dialog import Answer, Ending
from ivr.ports import Alternative, Line

MOST_NUMBERS = 50
"""Dialled numbers that are told apart."""


class _Counted(Collector):
    def __init__(self, name: str, help_: str, value: Callable[[], int]) -> None:
        self._name, self._help, self._value = name, help_, value

    def collect(self) -> Iterator[CounterMetricFamily]:
        yield CounterMetricFamily(self._name, self._help, value=self._value())


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
        self._utterances = Counter(
            "hotline_utterances", "What callers said, by what it was taken for", ["what"], registry=self.registry
        )
        self._deaf = Counter("hotline_deaf_calls", "Calls in which speech was lost", registry=self.registry)
        self._lines: dict[str, Line] = {}
        self._silent: set[str] = set()  # calls begun with us in which no key has arrived yet
        self._dialled: set[str] = set()

    def gauge(self, name: str, help_: str, value: Callable[[], float]) -> None:
        """Show a number that somebody else knows."""
        Gauge(name, help_, registry=self.registry).set_function(value)

    def count(self, name: str, help_: str, value: Callable[[], int]) -> None:
        """Show a number that somebody else counts, and that never falls; its name gets `_total`."""
        self.registry.register(_Counted(name, help_, value))

    def settled(self, state: str, odd: bool) -> None:
        """A tape was sealed, erased, or found missing."""
        self._recordings.labels(state).inc()
        if odd:
            self._odd.inc()

    def concluded(self, ending: Ending) -> None:
        """A call that had ended unseen got its outcome."""
        self._outcomes.labels(ending.outcome.value).inc()

    # Watcher

    def began(self, line: Line, adopted: bool) -> None:
        self._calls.labels(str(adopted).lower()).inc()
        self._lines[line.began.call] = line
        if not adopted:  # else keys may have come before our time
            self._silent.add(line.began.call)

    def said(self, call: str, prompt: str, text: str) -> None:
        pass

    def keyed(self, call: str, key: str) -> None:
        self._silent.discard(call)

    def spoke(self, call: str, alternatives: Sequence[Alternative]) -> None:
        self._utterances.labels("speech" if alternatives else "noise").inc()

    def deaf(self, call: str, why: str) -> None:
        self._deaf.inc()

    def answered(self, call: str, answer: Answer) -> None:
        if answer.interruption:
            self._interrupted.labels(answer.label, answer.interruption).inc()

    def ended(self, call: str, ending: Ending) -> None:
        self._outcomes.labels(ending.outcome.value).inc()
        line = self._lines.get(call)
        if line is not None:
            self._seconds.observe((line.date() - line.began.at).total_seconds())
            if call in self._silent:
                self._keyless.labels(self._known(line.began.dialled)).inc()
        self.left(call)

    def left(self, call: str) -> None:
        self._lines.pop(call, None)
        self._silent.discard(call)

    def _known(self, dialled: str) -> str:
        """The dialled number, as long as there are not absurdly many: callers choose it."""
        if dialled not in self._dialled and len(self._dialled) >= MOST_NUMBERS:
            return "other"
        self._dialled.add(dialled)
        return dialled
