"""How days, months and telephones are written: one way everywhere."""

from datetime import UTC, date, datetime

import pytest

from ivr.console.web import letters, shapes
from ivr.console.web.words import LANGUAGES, Tongue

MAY = date(2026, 5, 3)


@pytest.mark.parametrize("form", ["short", "whole", "of"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_names_twelve_different_months(language, form):
    names = Tongue(language)(f"console.months_{form}").split()
    assert len(set(names)) == 12


@pytest.mark.parametrize(
    ("language", "day", "month", "letter"),
    [
        ("uk", "3 тра 2026", "травень 2026", "3 травня 2026 року"),
        ("ru", "3 мая 2026", "май 2026", "3 мая 2026 года"),
        ("en", "3 May 2026", "May 2026", "3 May 2026"),
    ],
)
def test_a_day_is_short_in_lists_a_month_is_whole_and_a_letter_is_dated(language, day, month, letter):
    t = Tongue(language)
    assert shapes.day(MAY, t).replace("\u00a0", " ") == day
    assert shapes.day(MAY, t, year=False).replace("\u00a0", " ") == day.removesuffix(" 2026")
    assert shapes.month(MAY, t) == month
    assert letters.day(MAY, language) == letter


def test_a_moment_is_of_kyiv_even_across_midnight():
    assert shapes.moment(datetime(2026, 5, 2, 21, 30, tzinfo=UTC), Tongue("uk")).replace("\u00a0", " ") == (
        "3 тра 2026 00:30"
    )


def test_a_telephone_is_in_groups_and_a_masked_one_likewise():
    assert shapes.telephone("+380671234567").split() == ["+380", "67", "123", "45", "67"]
    assert shapes.telephone("+38067***4567").split() == ["+380", "67", "***", "45", "67"]
    assert shapes.telephone("102") == "102"
