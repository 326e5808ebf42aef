"""Results as tables: the same for the screen and for the documentation."""

from collections.abc import Iterable

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.figures import (
    ARMS,
    AddressRun,
    Arm,
    Calls,
    IntakeRun,
    Latency,
    LookupsRun,
    OpeningRun,
    Parts,
    PeersRun,
    SearchRun,
    StoreRun,
)

Rows = list[list[str]]
"""The first row is the head."""

CONVERSATION = "a conversation with its journal and store, one call at a time"
"""The part of `bench.parts` by which the event loop's share is told apart."""

STEPS = {
    "value_single": "the account is right (1) -> the question for the value",
    "read_back": "the value (2330#) -> the read-back",
    "receipt": "confirmed (1) -> the receipt number; or once more (1)",
    "goodbye": "enough (2) -> goodbye",
}


def show(console: Console, shown: Iterable[tuple[str, Rows]]) -> None:
    """On the screen."""
    for title, (head, *rows) in shown:
        table = Table(*head, title=title, title_justify="left")
        for row in rows:
            table.add_row(*row)
        console.print(table)


def markdown(shown: Iterable[tuple[str, Rows]]) -> str:
    """In the documentation."""
    lines: list[str] = []
    for title, (head, *rows) in shown:
        lines += [f"**{title}**", "", _row(head), _row("---" for _ in head), *map(_row, rows), ""]
    return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def of_calls(run: Calls) -> list[tuple[str, Rows]]:
    """Latency, latency by answer, CPU, what each side kept, discarded rounds."""
    tables = [
        ("Last key to the next prompt as the caller hears it, ms", _latency(run)),
        ("By answer, first packet, p50 / p99 ms", _steps(run)),
        ("CPU per call, ms: median of the rounds (least-most)", _cpu(run)),
        ("The controller's CPU per call by thread, ms", _threads(run)),
        ("What was kept", [["what", "n"], *([what, str(n)] for what, n in run.kept.items())]),
    ]
    discarded = [[r.arm, str(r.at_once), r.discarded] for r in run.rounds if r.discarded]
    if discarded:
        tables.append(("Rounds discarded", [["who", "at once", "why"], *discarded]))
    return tables


def of_parts(run: Parts) -> list[tuple[str, Rows]]:
    """Each part, alone."""
    rows = [["what", "times", "CPU ms each", "of it by thread", "wall ms each"]]
    for part in run.parts:
        threads = ", ".join(f"{name} {ms:.2f}" for name, ms in part.threads.items())
        rows.append([part.name, str(part.times), f"{part.cpu_ms:.2f}", threads, f"{part.wall_ms:.2f}"])
    return [("Parts of a call, each alone", rows)]


def of_split(run: Calls, parts: Parts) -> list[tuple[str, Rows]]:
    """Where the controller's CPU per call goes, under load: its threads, the event loop's in two."""
    at_once = max(_at_once(run), default=0)
    cost = run.cost("controller", at_once)
    if cost is None:
        return []
    talk = next(part.threads["event loop"] for part in parts.parts if part.name == CONVERSATION)
    loop = cost.threads.get("event loop", 0.0)
    store = sum(ms for name, ms in cost.threads.items() if name.startswith("store"))
    archive = cost.threads.get("archive", 0.0)
    whole = cost.controller.median
    rows = [
        ("event loop: ARI requests and events, the line, the switchboard", loop - talk),
        ("event loop: the conversation, as measured alone", talk),
        ("store's threads: journal, reading, and what the sealing asks and notes", store),
        ("archive's threads: sealing the tape", archive),
        ("others", whole - loop - store - archive),
        ("together", whole),
    ]
    title = f"Where the controller's CPU per call goes, {at_once} calls at once, ms"
    return [(title, [["what", "CPU", "share"], *([what, f"{ms:.1f}", f"{ms / whole:.0%}"] for what, ms in rows)])]


def of_store(run: StoreRun) -> list[tuple[str, Rows]]:
    """Every kind of job."""
    rows = [["job", "calls at once", "n", "p50 ms", "p99 ms", "CPU ms each"]]
    rows += [
        [job.name, str(job.calls), str(job.n), f"{job.p50:.2f}", f"{job.p99:.2f}", f"{job.cpu:.2f}"]
        for job in run.jobs
    ]
    return [(f"The store alone, {run.accounts} accounts", rows)]


def of_lookups(run: LookupsRun) -> list[tuple[str, Rows]]:
    """Every command of the conversation, and the plans of its queries."""
    rows = [["what", "", "n", "queries p50 ms", "p99", "most", "with commit p50 ms", "p99"]]
    for each in run.lookups:
        p50, p99, most = (f"{float(p):.2f}" for p in np.percentile(each.queries, (50, 99, 100)))
        whole = [f"{float(p):.2f}" for p in np.percentile(each.whole, (50, 99))] if each.writes else ["", ""]
        kind = "writes" if each.writes else "reads"
        rows.append([each.name, kind, str(len(each.queries)), p50, p99, most, *whole])
    plans = [["what", "plan of its queries"], *([each.name, "; ".join(each.plan) or "-"] for each in run.lookups)]
    found = [(f"What a call asks, {run.accounts:,} accounts", rows), ("How SQLite answers it", plans)]
    if made := run.made:
        head = ["s", "accounts/s", "CPU s", "peak MB", "store MB"]
        rate = f"{run.accounts / made['seconds']:,.0f}"
        figures = [f"{made[name]:,.0f}" for name in ("seconds", "cpu", "peak_mb", "store_mb")]
        found.append(("Making them, as `ivr demo load` does", [head, [figures[0], rate, *figures[1:]]]))
    return found


def of_intake(run: IntakeRun) -> list[tuple[str, Rows]]:
    """Rate, memory, and what another process noticed."""
    rows = [["", "accounts", "rows", "s", "accounts/s", "CPU s", "peak MB", "longest transaction ms"]]
    for name, each in (("new store", run.first), ("the same file again", run.again)):
        rate = f"{each['accounts'] / each['seconds']:,.0f}"
        figures = (f"{each['seconds']:,.0f}", rate, f"{each['cpu']:,.0f}", f"{each['peak_mb']:.0f}")
        rows.append([name, f"{each['accounts']:,.0f}", f"{each['rows']:,.0f}", *figures, f"{each['longest_ms']:.0f}"])
    beside = [["meanwhile", "commits of another process", "p50 ms", "p99 ms", "most ms"]]
    for name, waits in (("new store", run.waits), ("the same file again", run.waits_again)):
        beside.append([name, str(len(waits)), *(f"{float(p):.1f}" for p in np.percentile(waits, (50, 99, 100)))])
    title = (
        f"Import of {run.accounts:,} accounts: a CSV of {run.file_mb:.0f} MB into a store of {run.store_mb:.0f} MB"
    )
    return [(title, rows), ("What a hotline notices of it", beside)]


def of_search(runs: list[SearchRun]) -> list[tuple[str, Rows]]:
    """Each kind of query, on each database; what a call costs that is indexed; sizes."""
    found: list[tuple[str, Rows]] = []
    for run in runs:
        name = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[run.database]
        rows = [["query", "n", "calls found", "p50 ms", "p95", "worst"]]
        for each in run.queries:
            least, most = min(each.found), max(each.found)
            calls = f"{least:,}" if least == most else f"{least:,} to {most:,}"
            rows.append([each.name, str(len(each.took)), calls, *_percentiles(each.took, (50, 95, 100))])
        found.append((f"The search through {run.calls:,} calls, {name}", rows))
        costs = [["what is indexed", "n", "p50 ms a call", "p95", "worst"]]
        costs += [[each.name, str(len(each.took)), *_percentiles(each.took, (50, 95, 100))] for each in run.fills]
        found.append((f"What it costs to have it found, {name}", costs))
        held = [["what", "how much"], *([what, f"{value:,.0f}"] for what, value in run.sizes.items())]
        found.append((f"What the index is made of, {name}", held))
    return found


WAYS = {
    ("sqlite", "words"): "FTS5, facts in columns", ("sqlite", "all"): "FTS5, facts as words",
    ("postgresql", "words"): "GIN, facts in columns", ("postgresql", "all"): "GIN, facts as words",
}  # fmt: skip
"""What the peers of `bench.search_peers` are called."""


def of_peers(runs: list[PeersRun]) -> list[tuple[str, Rows]]:
    """Each kind of query by each way, p50 / worst; of the worst, which bound it keeps; adding; making."""
    found: list[tuple[str, Rows]] = []
    for run in runs:
        name = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[run.database]
        ways = {way: WAYS.get((run.database, way), "our bitmaps") for way in run.queries}
        rows = [["query", "n", *(f"{told}, p50 / worst ms" for told in ways.values())]]
        rows += [
            [each[0].name, str(len(each[0].took)), *(_middle_and_worst(one.took) for one in each)]
            for each in zip(*run.queries.values(), strict=True)
        ]
        slow = [sum(took > 100 for each in run.queries[way] for took in each.took) for way in ways]
        whole = [sum(len(each.took) for each in run.queries[way]) for way in ways]
        rows.append(["queries over 100 ms", str(whole[0]), *(f"{n:,}" for n in slow)])
        clock = "by the clock" if run.database == "postgresql" else "of the processor"
        found.append((f"The same queries through {run.calls:,} calls, {name}, ms {clock}", rows))
        costs = [["what is added", "n", *(f"{told}, p50 / worst ms a call" for told in ways.values())]]
        costs += [
            [each[0].name, str(len(each[0].took)), *(_middle_and_worst(one.took) for one in each)]
            for each in zip(*run.fills.values(), strict=True)
        ]
        found.append((f"What it costs to add a call, {name}", costs))
        built = [["made of all calls, with what a page shows of them", "s", "MB"]]
        built += [[ways[each.name], f"{each.seconds:,.0f}", f"{each.mb:,.0f}"] for each in run.built]
        found.append((f"Making it, {name}", built))
    return found


def of_addresses(run: AddressRun) -> list[tuple[str, Rows]]:
    """Each kind of text: the clock's and the processor's."""
    rows = [["what is typed", "n", "found on the first page", "clock p50 ms", "worst", "processor p50 ms", "worst"]]
    for each in run.typed:
        least, most = min(each.found), max(each.found)
        found = str(least) if least == most else f"{least} to {most}"
        figures = (*_percentiles(each.clock, (50, 100)), *_percentiles(each.processor, (50, 100)))
        rows.append([each.name, str(len(each.clock)), found, *figures])
    return [(f"Finding one of {run.accounts:,} customers, SQLite", rows)]


def of_opening(run: OpeningRun) -> list[tuple[str, Rows]]:
    """The page of a long call: by the clock, and of the processor."""
    rows = [["ms", "n", "median", "least", "most"]]
    for name, told in (
        ("ready", "by the clock: until one can work with it"), ("parsed", "by the clock: until it is parsed"),
        ("server", "by the clock: until the server's first byte"), ("thread", "the processor's, the page's thread"),
        ("server_thread", "the processor's, the server"), ("load", "load of the machine meanwhile"),
    ):  # fmt: skip
        values = [float(getattr(each, name)) for each in run.opened]
        form = "{:.2f}" if name == "load" else "{:.0f}"
        middle = float(np.percentile(values, 50))
        rows.append([told, str(len(values)), *(form.format(value) for value in (middle, min(values), max(values)))])
    return [(f"A call of {run.seconds // 60} minutes with {run.events:,} events, opened", rows)]


def _middle_and_worst(took: list[float]) -> str:
    middle, worst = (float(p) for p in np.percentile(took, (50, 100)))
    return f"{middle:,.1f} / {worst:,.1f}"


def _percentiles(values: list[float], which: tuple[int, ...]) -> list[str]:
    return [f"{float(p):.1f}" for p in np.percentile(values, which)]


def _at_once(run: Calls) -> list[int]:
    return sorted({r.at_once for r in run.rounds})


def _latency(run: Calls) -> Rows:
    rows = [["calls at once", "who", "n", "packet p50", "packet p99", "onset p50", "onset p99"]]
    for at_once in _at_once(run):
        ours, plain = run.latency("controller", at_once), run.latency("dialplan", at_once)
        rows.append([str(at_once), "controller", *_figures(ours)])
        rows.append([str(at_once), "plain dialplan", *_figures(plain)])
        if ours and plain:
            ratios = [a / b for a, b in zip(ours[1:], plain[1:], strict=True)]
            rows.append([str(at_once), "ratio", "", *(f"{ratio:.2f}" for ratio in ratios)])
    return rows


def _figures(found: Latency | None) -> list[str]:
    return [str(found.n), *(f"{value:.1f}" for value in found[1:])] if found else ["0", "-", "-", "-", "-"]


def _steps(run: Calls) -> Rows:
    kinds: list[tuple[int, Arm]] = [(at_once, arm) for at_once in _at_once(run) for arm in ARMS]
    rows = [["answer -> prompt", *(f"{arm}, {at_once}" for at_once, arm in kinds)]]
    for step, words in STEPS.items():
        found = [run.latency(arm, at_once, step) for at_once, arm in kinds]
        rows.append([words, *(f"{f.packet_p50:.1f} / {f.packet_p99:.1f}" if f else "-" for f in found)])
    return rows


def _cpu(run: Calls) -> Rows:
    rows = [["calls at once", "answers a call", "controller", "Asterisk with it", "Asterisk, dialplan", "ratio"]]
    for at_once in _at_once(run):
        if (ours := run.cost("controller", at_once)) and (plain := run.cost("dialplan", at_once)):
            both = (ours.controller.median + ours.asterisk.median) / plain.asterisk.median
            rows.append(
                [
                    str(at_once), f"{ours.answers:.0f}", str(ours.controller), str(ours.asterisk),
                    str(plain.asterisk), f"{both:.2f}",
                ]
            )  # fmt: skip
    rows.append(["none", "-", f"{run.idle_ms:.1f} a second", "", "", ""])
    return rows


def _threads(run: Calls) -> Rows:
    costs = {at_once: cost for at_once in _at_once(run) if (cost := run.cost("controller", at_once))}
    names = sorted({name for cost in costs.values() for name, ms in cost.threads.items() if ms >= 0.05})
    head = ["thread", *(f"{at_once} at once" for at_once in costs)]
    return [head, *([name, *(f"{cost.threads.get(name, 0.0):.1f}" for cost in costs.values())] for name in names)]
