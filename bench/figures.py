"""What was measured, as it is kept in `bench/results/`, and the arithmetic on it.

Rules
1. Samples are kept, not their averages: a percentile is worked out when it is shown.
2. A round in which the caller itself ran late in more than 1 % of its ticks, or in which a call failed, counts for
   nothing; it is kept and shown as discarded.
3. Percentiles are of all samples of the rounds that count; CPU per call is the median of those rounds.
"""

import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Literal, NamedTuple, Self

import numpy as np
from pydantic import BaseModel

RESULTS = Path(__file__).resolve().parent / "results"
LATE = 0.01
"""Share of late ticks of the caller above which a round is discarded."""

Arm = Literal["controller", "dialplan"]
"""Who holds the conversation."""
ARMS: tuple[Arm, ...] = ("controller", "dialplan")


class Machine(BaseModel):
    """Where it was measured.  load: the load average of one minute, just before."""

    processor: str
    cores: int
    kernel: str
    python: str
    load: float
    at: datetime

    @classmethod
    def this(cls) -> Self:
        """The machine we are on, now."""
        models = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
        return cls(
            processor=models[0] if models else platform.machine(),
            cores=os.cpu_count() or 1,
            kernel=platform.release(),
            python=platform.python_version(),
            load=round(os.getloadavg()[0], 2),
            at=datetime.now(UTC).replace(microsecond=0),
        )

    def __str__(self) -> str:
        return (
            f"{self.at:%Y-%m-%d %H:%M} UTC, {self.cores} cores of {self.processor}, Linux {self.kernel}, "
            f"Python {self.python}, load {self.load:.2f} before"
        )


class Sample(NamedTuple):
    """One answer of a caller: milliseconds from the end of the last key to the next prompt, as the caller hears it.

    step: the prompt that came.  packet: its first RTP packet; onset: its first audible one.
    """

    step: str
    packet: float
    onset: float


class Round(BaseModel):
    """Calls of one kind, one after another or many at a time.

    controller_ms, asterisk_ms, caller_ms: CPU of these processes in this round, user and system, all threads, until
    the last tape was sealed.  threads: the controller's by thread.  calls_in_hand: on average.
    """

    arm: Arm
    at_once: int
    calls: int
    answers: int
    seconds: float
    calls_in_hand: float
    controller_ms: float
    asterisk_ms: float
    caller_ms: float
    threads: dict[str, float]
    late_share: float
    load: float
    failed: list[str]
    samples: list[Sample]

    @property
    def discarded(self) -> str:
        """Why this round counts for nothing; empty when it counts."""
        if self.failed:
            return f"{len(self.failed)} of {self.calls} calls failed: {self.failed[0]}"
        if self.late_share > LATE:
            return f"the caller ran late in {self.late_share:.1%} of its ticks"
        return ""


class Calls(BaseModel):
    """A run of `bench.calls`.  idle_ms: the controller's CPU in a second without calls.  kept: what each side has
    to show for its calls in the end."""

    machine: Machine
    asterisk: str
    quick: bool
    idle_ms: float
    rounds: list[Round]
    kept: dict[str, int]

    def counting(self, arm: Arm, at_once: int) -> list[Round]:
        """The rounds of this kind that count."""
        return [r for r in self.rounds if (r.arm, r.at_once) == (arm, at_once) and not r.discarded]

    def latency(self, arm: Arm, at_once: int, step: str | None = None) -> "Latency | None":
        """Of all answers, or of those to which this prompt came."""
        return Latency.of(s for r in self.counting(arm, at_once) for s in r.samples if step in (None, s.step))

    def cost(self, arm: Arm, at_once: int) -> "Cost | None":
        """CPU of a call; None when no round counts."""
        rounds = self.counting(arm, at_once)
        if not rounds:
            return None
        return Cost(
            spread([r.controller_ms / r.calls for r in rounds]),
            spread([r.asterisk_ms / r.calls for r in rounds]),
            rounds[0].answers / rounds[0].calls,
            {name: median([r.threads.get(name, 0.0) / r.calls for r in rounds]) for name in _names(rounds)},
        )


class Latency(NamedTuple):
    """Milliseconds."""

    n: int
    packet_p50: float
    packet_p99: float
    onset_p50: float
    onset_p99: float

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> Self | None:
        """Percentiles; None without samples."""
        found = list(samples)
        if not found:
            return None
        packet = [float(p) for p in np.percentile([s.packet for s in found], (50, 99))]
        onset = [float(p) for p in np.percentile([s.onset for s in found], (50, 99))]
        return cls(len(found), *packet, *onset)


class Spread(NamedTuple):
    """A figure of several rounds."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.median:.1f} ({self.least:.1f}-{self.most:.1f})"


class Cost(NamedTuple):
    """CPU-milliseconds per call.  answers: in each call."""

    controller: Spread
    asterisk: Spread
    answers: float
    threads: dict[str, float]


class Part(BaseModel):
    """A piece of work, done alone.  cpu_ms, wall_ms: each time; threads: CPU by thread, where it is more than one."""

    name: str
    times: int
    cpu_ms: float
    wall_ms: float
    threads: dict[str, float] = {}


class Parts(BaseModel):
    """A run of `bench.parts`."""

    machine: Machine
    parts: list[Part]


class Job(BaseModel):
    """A kind of work for the store.  calls: how many at once.  Milliseconds."""

    name: str
    calls: int
    n: int
    p50: float
    p99: float
    cpu: float


class StoreRun(BaseModel):
    """A run of `bench.store`."""

    machine: Machine
    accounts: int
    jobs: list[Job]


class Lookup(BaseModel):
    """Something that a call asks of the store.  Milliseconds.

    queries: of the statements together, with what makes values of their rows, on the store's thread.
    whole: for a write with its commit and the hand-over between threads.
    plan: the steps of SQLite's plans, each once.
    """

    name: str
    writes: bool
    queries: list[float]
    whole: list[float]
    plan: tuple[str, ...]


class LookupsRun(BaseModel):
    """A run of `bench.lookups`.

    limit: ms.  made: what making the accounts took: seconds, cpu (seconds), peak_mb, store_mb; empty when they were
    there.  remark: what else the machine was doing.
    """

    machine: Machine
    accounts: int
    limit: float
    lookups: list[Lookup]
    made: dict[str, float] = {}
    remark: str = ""


class IntakeRun(BaseModel):
    """A run of `bench.intake`.

    first, again: what the importing process said: seconds, cpu (seconds), rows, accounts, new, refused, longest_ms
    (of a transaction), peak_mb.  waits: ms that each commit of another process took meanwhile.
    """

    machine: Machine
    accounts: int
    file_mb: float
    store_mb: float
    first: dict[str, float]
    again: dict[str, float]
    waits: list[float]
    waits_again: list[float]
    remark: str = ""


class Searched(BaseModel):
    """A kind of query, or of writing.  took: ms of each; found: how many calls each found."""

    name: str
    took: list[float]
    found: list[int]


class SearchRun(BaseModel):
    """A run of `bench.search` on one database.

    limit: ms.  sizes: rows and MB of what the index is made of.  fills: ms per call.
    """

    machine: Machine
    database: str
    calls: int
    limit: float
    sizes: dict[str, float]
    queries: list[Searched]
    fills: list[Searched]
    remark: str = ""


class Peer(BaseModel):
    """An index that was made of all calls: how long that took, with what the page shows of them, and its room."""

    name: str
    seconds: float
    mb: float


class PeersRun(BaseModel):
    """A run of `bench.search_peers` on one database: the same queries by each way of finding calls.

    queries, fills: by way; milliseconds, of a call where it is filled.
    """

    machine: Machine
    database: str
    calls: int
    built: list[Peer]
    queries: dict[str, list[Searched]]
    fills: dict[str, list[Searched]]
    remark: str = ""


class Typed(BaseModel):
    """A kind of text by which customers are looked for: ms by the clock and of the processor, customers found."""

    name: str
    clock: list[float]
    processor: list[float]
    found: list[int]


class AddressRun(BaseModel):
    """A run of `bench.addresses`.  limit: ms of the processor."""

    machine: Machine
    accounts: int
    limit: float
    typed: list[Typed]
    remark: str = ""


class Opened(BaseModel):
    """A page, once.  Milliseconds by the clock since the navigation began: parsed; ready: one can work with it;
    server: from the request to the first byte of its answer.  Of the processor: thread (the page's own) and
    server_thread.  load: the machine's, of one minute."""

    ready: float
    server: float
    parsed: float
    thread: float
    server_thread: float
    load: float


class OpeningRun(BaseModel):
    """A run of `bench.opening`.  seconds, events: of the call.  limit: ms by the clock."""

    machine: Machine
    seconds: int
    events: int
    limit: float
    opened: list[Opened]
    remark: str = ""

    @property
    def median(self) -> float:
        return median([each.ready for each in self.opened])


def spread(values: Sequence[float]) -> Spread:
    """Median, least and most."""
    return Spread(median(values), min(values), max(values))


def save(name: str, run: BaseModel) -> Path:
    """Keep a run as `bench/results/<name>.json`, in place of the one before."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(run.model_dump_json() + "\n", "utf-8")
    return path


def _names(rounds: Sequence[Round]) -> list[str]:
    return sorted({name for each in rounds for name in each.threads})


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text("utf-8").splitlines()
    except OSError:
        return []
