"""Parts of a recording replaced by a tone: all of them, and nothing else."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.masking import LEVEL, Span, masked, merged

RATE = 8000


def sound(seconds, seed=1):
    return np.random.default_rng(seed).integers(-32768, 32768, (int(seconds * RATE), 2)).astype("<i2")


def copy(samples, spans, chunk=RATE):
    parts = [masked(samples[n : n + chunk].tobytes(), n, spans) for n in range(0, len(samples), chunk)]
    return np.frombuffer(b"".join(parts), "<i2").reshape(-1, 2)


times = st.floats(-2.0, 8.0, allow_nan=False)
spans = st.lists(st.builds(lambda a, b: Span(min(a, b), max(a, b)), times, times), max_size=6)


@given(spans, st.integers(1, 3 * RATE))
def test_inside_is_a_tone_and_outside_is_the_same_however_it_is_cut_into_chunks(given_spans, chunk):
    samples = sound(5)
    parts = merged(given_spans, 5.0)

    found = copy(samples, parts, chunk)

    inside = np.zeros(len(samples), bool)
    for span in given_spans:
        first, last = max(span.began, 0.0), min(span.ended, 5.0)
        if first < last:
            inside[int(np.floor(first * RATE)) : int(np.ceil(last * RATE))] = True
    assert np.array_equal(found[~inside], samples[~inside])
    assert np.array_equal(found[inside][:, 0], found[inside][:, 1])
    assert np.abs(found[inside]).max(initial=0) <= LEVEL
    assert np.array_equal(found, copy(samples, parts))


@given(spans)
def test_merged_spans_lie_apart_and_in_order(given_spans):
    found = merged(given_spans, 5.0)

    assert all(a.ended < b.began for a, b in pairwise(found))
    assert all(0.0 <= span.began < span.ended <= 5.0 for span in found)


def test_why_something_is_hidden_stays_known_when_spans_are_joined():
    assert merged([Span(1, 3, "keys"), Span(2, 4, "a prompt"), Span(3, 5, "keys")], 9.0) == [
        Span(1, 5, "keys, a prompt")
    ]


@pytest.mark.parametrize("where", [(0.0, 0.0), (6.0, 7.0), (-3.0, -1.0)])
def test_what_is_not_in_the_recording_hides_nothing(where):
    samples = sound(5)

    assert np.array_equal(copy(samples, merged([Span(*where)], 5.0)), samples)


def test_the_tone_is_no_silence():
    assert np.abs(copy(sound(2), [Span(0.5, 1.5)])[5000:11000]).max() > LEVEL / 2
