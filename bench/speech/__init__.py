"""How well callers are understood: what they say, through which line, by which recogniser, and what comes of it.

corpus     what is said, by whom, and what it means
people     a person's voice: Debian's Russian prompts
offline    the worker's own listener and recogniser, fed without an exchange, faster than speech
calls      the same utterances as real calls
figures    what was measured, and the arithmetic on it
mistaken   wrong values accepted, by simulation on the measured confusions
page       the tables of docs/speech.md
"""
