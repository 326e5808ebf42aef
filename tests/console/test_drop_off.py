"""The map of where callers leave begins with the part that loses most of them."""

from types import SimpleNamespace

from domain.analytics import Place
from ivr.console.report_words import Teller
from ivr.console.web.analytics import parts
from ivr.console.web.words import Tongue


def test_the_part_in_which_most_callers_left_comes_first_whatever_the_share():
    small = Place("attempt", "value", 4, 3, 0, 0, 0)
    large = Place("main_menu", "menu", 900, 20, 10, 0, 0)
    quiet = Place("hours", "which_hours", 50, 0, 0, 0, 0)
    unused = Place("agree", "terms", 1, 0, 0, 0, 0)
    given = SimpleNamespace(places=(unused, small, quiet, large))
    found = parts(given, Teller(Tongue("uk"), SimpleNamespace(texts={})))  # type: ignore[arg-type]
    assert [part for part, _ in found] == ["main_menu", "attempt", "hours", "agree"]
    assert all(name for _, name in found)
