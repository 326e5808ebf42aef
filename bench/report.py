"""`python -m bench.report`: the results of `bench/results/` as the tables of `docs/benchmarks.md`.

Only what stands between `<!-- NAME -->` and `<!-- /NAME -->` is replaced, NAME being that of the result's file (and
`split`, made of two of them); a result that isn't there leaves its place as it is.  `--check` changes nothing and
fails when the tables are not what the results say.
"""

import argparse
import re
import sys
from pathlib import Path

from bench import tables
from bench.figures import (
    RESULTS,
    AddressRun,
    Calls,
    IntakeRun,
    LookupsRun,
    Machine,
    OpeningRun,
    Parts,
    PeersRun,
    SearchRun,
    StoreRun,
)

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"


def sections(results: Path) -> dict[str, str]:
    """What the results say, by name, as Markdown."""
    runs = {
        name: kind.model_validate_json(path.read_text("utf-8"))
        for name, kind in (
            ("calls", Calls),
            ("parts", Parts),
            ("store", StoreRun),
            ("intake", IntakeRun),
            ("lookups", LookupsRun),
            ("search-sqlite", SearchRun),
            ("search-postgresql", SearchRun),
            ("addresses", AddressRun),
            ("opening", OpeningRun),
            ("search-peers-sqlite", PeersRun),
            ("search-peers-postgresql", PeersRun),
        )
        if (path := results / f"{name}.json").is_file()
    }
    found: dict[str, str] = {}
    for name, run in runs.items():
        match run:
            case Calls():
                found[name] = _section(f"{run.machine}, Asterisk {run.asterisk}.", tables.of_calls(run))
            case Parts():
                found[name] = _section(f"{run.machine}.", tables.of_parts(run))
                if isinstance(calls := runs.get("calls"), Calls):
                    found["split"] = tables.markdown(tables.of_split(calls, run))
            case StoreRun():
                found[name] = _section(f"{run.machine}.", tables.of_store(run))
            case IntakeRun():
                found[name] = _section(_with(run.machine, run.remark), tables.of_intake(run))
            case SearchRun():
                found[name] = _section(_with(run.machine, run.remark), tables.of_search([run]))
            case AddressRun():
                found[name] = _section(_with(run.machine, run.remark), tables.of_addresses(run))
            case OpeningRun():
                found[name] = _section(_with(run.machine, run.remark), tables.of_opening(run))
            case PeersRun():
                found[name] = _section(_with(run.machine, run.remark), tables.of_peers([run]))
            case LookupsRun():
                found[name] = _section(_with(run.machine, run.remark), tables.of_lookups(run))
    return found


def _with(machine: Machine, remark: str) -> str:
    return f"{machine}; {remark}." if remark else f"{machine}."


def _section(where: str, shown: list[tuple[str, tables.Rows]]) -> str:
    return f"{where}\n\n{tables.markdown(shown)}"


def put(page: str, found: dict[str, str]) -> str:
    """The page with the sections in their places.  Raises LookupError when one has no place."""
    for name, text in found.items():
        place = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- /{re.escape(name)} -->)", re.DOTALL)
        page, count = place.subn(lambda marks, text=text: f"{marks[1]}{text}{marks[2]}", page)
        if count != 1:
            raise LookupError(f"the page has {count} places between <!-- {name} --> and <!-- /{name} -->, not one")
    return page


def main() -> None:
    """Put the results into docs/benchmarks.md."""
    parser = argparse.ArgumentParser(prog="python -m bench.report", description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail when the page is out of date")
    given = parser.parse_args()
    page = PAGE.read_text("utf-8")
    try:
        new = put(page, sections(RESULTS))
    except LookupError as fault:
        sys.exit(f"bench: {PAGE}: {fault}")
    if given.check and new != page:
        sys.exit(f"bench: {PAGE} is not what the results say: run python -m bench.report")
    if not given.check:
        PAGE.write_text(new, "utf-8")


if __name__ == "__main__":
    main()
