"""What a late answer costs: the compensation that the regulator's standards promise the customer.

Rules: pure; rows of the book (`CompensationPolicy`), those of the day of registration.  The guaranteed term is the
regulator's: an interim reply does not extend it, and a day that we promised sooner (the web's fifteen days) does not
shorten it; so a request may be late and cost nothing yet, or be in time and cost something.  Nothing is owed where
nobody knows whose account it is.  Sums are before taxes; that a compensation which is itself late grows, is not in
them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from domain.model import AccountKind, RequestKind, Topic
from domain.policy import Case, Policies, Unit
from domain.rules import local_day
from domain.working_days import next_working, plus_working


@dataclass(frozen=True, slots=True)
class Stake:
    """What is owed once the day `until` (Europe/Kyiv) is over without an answer.

    least, most: kopiykas; they differ for firms, whose class (small or not) the store does not know.
    source: the paragraph that says so.
    """

    least: int
    most: int
    until: date
    source: str

    def lost(self, today: date) -> bool:
        """Is it owed by now, if the answer has not gone out?"""
        return today > self.until


def stake(
    kind: RequestKind,
    topic: Topic,
    case: Case | None,
    registered_at: datetime,
    customer: AccountKind | None,
    book: Policies,
) -> Stake | None:
    """What is at stake for such a request; None: no rule promises anything, or nobody knows to whom.

    registered_at: timezone-aware, else ValueError.  customer: None: no account is named.
    """
    if customer is None:
        return None
    day = local_day(registered_at)
    row = book.compensation(kind, topic, day, case)
    if row is None:
        return None
    terms = row.terms
    if terms.unit is Unit.WORKING:
        until = plus_working(day, terms.days, book)
    else:
        until = next_working(day + timedelta(days=terms.days), book)
    household = customer is AccountKind.HOUSEHOLD
    least, most = (terms.household,) * 2 if household else sorted((terms.small, terms.other))
    return Stake(least, most, until, row.source) if most else None


def together(stakes: Iterable[Stake | None]) -> tuple[int, int]:
    """The sums of all: least, most.  Kopiykas."""
    known = [each for each in stakes if each]
    return sum(each.least for each in known), sum(each.most for each in known)
