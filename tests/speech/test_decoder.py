"""Vosk with the model that comes with the project: words, confidences, spellings, sample rates."""

import shutil

import numpy as np
import pytest

from ivr.ports import Listening
from ivr.speech.decoder import Reading, SpeechModel, Unusable, Upsampler, certainties, unknown_words
from tests.speech.hearing import DIGITS, MODEL, RATE, YES_NO, frames, joined, silence, spoken


@pytest.fixture(scope="module")
def model():
    return SpeechModel(MODEL)


def said(model, sound, wanted):
    decoder = model.decoder(wanted)
    for frame in frames(joined(silence(0.3), sound, silence(0.3))):
        decoder.accept(frame)
    return decoder.partial(), decoder.final()


@pytest.mark.parametrize(
    ("name", "words"),
    [("uk.digits", "чотири п'ять сім"), ("uk.seven", "сім"), ("ru.digits", "восемь ноль два")],
)
def test_digits_are_understood_with_confidence(model, name, words):
    language = name[:2]
    _, found = said(model, spoken(name), Listening(language, DIGITS[language], sequence=True))

    assert found[0].words == words
    assert 0.8 < found[0].confidence <= 1
    assert [a.words for a in found].count(words) == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [("uk.yes", "так"), ("uk.no", "ні"), ("uk.menu", "головне меню"), ("ru.yes", "да"), ("ru.repeat", "повторите")],
)
def test_phrases_are_understood(model, name, words):
    _, found = said(model, spoken(name), Listening(name[:2], YES_NO[name[:2]]))

    assert found[0].words == words


def test_what_is_not_in_the_grammar_does_not_become_digits(model):
    _, found = said(model, spoken("uk.sentence"), Listening("uk", DIGITS["uk"], sequence=True))

    assert "[unk]" in found[0].words


def test_nothing_said_is_nothing(model):
    assert said(model, silence(0.5), Listening("uk", YES_NO["uk"])) == ("", ())


def test_a_partial_lags_behind_and_the_end_has_all(model):
    wanted = Listening("uk", DIGITS["uk"], sequence=True)
    partial, found = said(model, spoken("uk.digits"), wanted)

    assert partial
    assert found[0].words.startswith(partial)


def test_two_who_speak_at_once_cost_certainty(model):
    wanted = Listening("uk", DIGITS["uk"], sequence=True)
    _, found = said(model, spoken("uk.digits") + spoken("ru.digits"), wanted)

    assert len(found) > 1
    assert found[0].confidence < 0.9 or "[unk]" in found[0].words
    assert all(a.confidence <= 1 for a in found)


def test_words_that_the_model_does_not_know_are_named_and_their_phrases_left_out(model):
    phrases = ("так", "кракозябра так", "ні")

    assert unknown_words(model, phrases) == {"кракозябра"}
    assert set(model.grammar(phrases).values()) == {"так", "ні"}
    assert model.decoder(Listening("uk", ("кракозябра",))) is None


def test_other_apostrophes_are_the_same_word(model):
    assert model.grammar(("п’ять", "дев'ять")) == {"п'ять": "п’ять", "дев'ять": "дев'ять"}


def test_a_model_for_16_khz_that_does_not_convert_gets_16_khz(tmp_path):
    strict = tmp_path / "model"
    shutil.copytree(MODEL, strict)
    conf = strict / "conf/mfcc.conf"
    conf.write_text(conf.read_text().replace("--allow-upsample=true\n", ""))
    wanted = Listening("uk", DIGITS["uk"], sequence=True)
    _, found = said(SpeechModel(strict), spoken("uk.digits"), wanted)

    assert found[0].words == "чотири п'ять сім"


@pytest.mark.parametrize("hertz", [100, 1000, 3000])
def test_upsampling_keeps_the_tone_and_adds_no_other(hertz):
    tone = 10000 * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE)
    upsample = Upsampler()
    out = np.concatenate([np.frombuffer(upsample(frame), np.int16) for frame in frames(tone)])
    spectrum = np.abs(np.fft.rfft(out[RATE : 2 * RATE] * np.hanning(RATE)))
    peak = int(spectrum.argmax())
    others = np.delete(spectrum, range(peak - 4, peak + 5))

    assert len(out) == 2 * RATE
    assert peak * 2 == hertz  # bins of 2 Hz
    assert others.max() < spectrum[peak] / 100


def test_the_share_of_a_word_is_that_of_the_readings_that_have_it_there():
    best = Reading(0.5, (("два", 0.0, 0.4), ("три", 0.4, 0.8)))
    other = Reading(0.3, (("два", 0.0, 0.4), ("сім", 0.4, 0.8)))
    later = Reading(0.2, (("п'ять", 0.0, 0.4), ("два", 0.4, 0.8)))

    assert min(certainties(best, [best, other, later])) == pytest.approx(0.5)
    assert min(certainties(other, [best, other, later])) == pytest.approx(0.3)


def test_a_reading_that_leaves_words_out_is_no_surer_than_what_fuller_ones_leave_it():
    best = Reading(0.70, (("[unk]", 0.0, 0.5), ("два", 0.5, 1.0), ("да", 1.0, 1.4)))
    less = Reading(0.25, (("[unk]", 0.0, 0.5), ("да", 1.0, 1.4)))
    least = Reading(0.05, (("да", 1.0, 1.4),))

    found = [min(certainties(reading, [best, less, least])) for reading in (best, less, least)]
    assert found == pytest.approx([0.70, 0.30, 0.05])


def test_a_word_that_covers_two_of_a_likelier_reading_is_not_confirmed_by_it():
    best = Reading(0.7, (("два", 0.0, 0.4), ("да", 0.4, 0.9)))
    wide = Reading(0.3, (("да", 0.1, 0.9),))

    assert min(certainties(wide, [best, wide])) == pytest.approx(0.3)


def test_a_directory_that_is_no_model_is_unusable(tmp_path):
    with pytest.raises(Unusable):
        SpeechModel(tmp_path)
