"""Customers who don't exist.

`customers`: a dozen made by hand, always the same, for a first call and for tests.  `generate`: as many as are asked
for, with two years behind them.  No number here belongs to anybody: Ukrainian subscriber numbers don't begin with 0
after the area code; places and streets are invented.
"""

from domain.demo.customers import DEMOS, LANGUAGES, LAST_READ, STREET, Demo, Listed, Value, listing, load
from domain.demo.fiction import account_number as number
from domain.demo.generate import DETAILED, Loaded, generate

__all__ = [
    "DEMOS",
    "DETAILED",
    "LANGUAGES",
    "LAST_READ",
    "STREET",
    "Demo",
    "Listed",
    "Loaded",
    "Value",
    "generate",
    "listing",
    "load",
    "number",
]
