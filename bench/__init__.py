"""Measurements, made by commands that can be run again: nothing here is part of the product, and nothing is a test.

    python -m bench.calls     real calls: our controller and a plain dialplan, side by side on one Asterisk
    python -m bench.parts     what a conversation costs without an exchange, and what sealing its tape costs
    python -m bench.store     the store alone, with many accounts
    python -m bench.intake    an import of a million accounts beside a process that writes
    python -m bench.lookups   each command of a call with a million accounts, and its queries' plans
    python -m bench.keying    keying errors, simulated; puts its figures into docs/doubt.md itself
    python -m bench.speech    how well callers are understood, alone and in calls; docs/speech.md
    python -m bench.transcripts  free speech without a grammar: docs/decisions/099 (printed, no file)
    python -m bench.report    puts the figures of bench/results/ into docs/benchmarks.md

Rule: a figure in the documentation comes from a file in `bench/results/`, and that from one of these commands.
"""
