"""Measurements, made by commands that can be run again: nothing here is part of the product, and nothing is a test.

    python -m bench.calls     real calls: our controller and a plain dialplan, side by side on one Asterisk
    python -m bench.parts     what a conversation costs without an exchange, and what sealing its tape costs
    python -m bench.store     the store alone, with many accounts
    python -m bench.intake    an import of a million accounts beside a process that writes
    python -m bench.lookups   each command of a call with a million accounts, and its queries' plans
    python -m bench.search    every filter of the page of calls through a million of them, on both databases
    python -m bench.search_peers  the same queries by FTS5 and GIN
    python -m bench.analytics a month of a million calls in figures; puts them into docs/figures.md itself
    python -m bench.addresses one of a million customers, by what an operator types
    python -m bench.opening   the page of an hour's call in a real Chromium
    python -m bench.keying    keying errors, simulated; puts its figures into docs/doubt.md itself
    python -m bench.speech    how well callers are understood, alone and in calls; docs/speech.md
    python -m bench.transcripts  free speech without a grammar: docs/decisions/099 (printed, no file)
    python -m bench.report    puts the figures of bench/results/ into docs/benchmarks.md

Rule: a figure in the documentation comes from a file in `bench/results/`, and that from one of these commands.
"""
