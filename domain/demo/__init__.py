"""Customers who don't exist.

`customers`: a dozen made by hand, always the same, for a first call and for tests.  `generate`: as many as are asked
for, with two years behind them (imported by name: a controller that starts has no time for it).  No number here
belongs to anybody: no Ukrainian subscriber's begins with 0 after the area code; places and streets are invented.
"""

from domain.demo.customers import DEMOS, LANGUAGES, LAST_READ, STREET, Demo, Listed, Value, listing, load

__all__ = ["DEMOS", "LANGUAGES", "LAST_READ", "STREET", "Demo", "Listed", "Value", "listing", "load"]
