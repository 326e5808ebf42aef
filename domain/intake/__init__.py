"""Customers from files: accounts, buildings, meters, registers, first readings, and the numbers that call for them.

`sources` reads a file row by row, `columns` knows what its headers mean, `rows` checks what the rows of an account
say and puts it together, `staging` sorts them by account, `keeping` compares with the store and writes, `taking` does
it all.
"""

from domain.intake.columns import BadFile, table
from domain.intake.keeping import Counts
from domain.intake.sources import Source, source
from domain.intake.taking import Summary, take_in

__all__ = ["BadFile", "Counts", "Source", "Summary", "source", "table", "take_in"]
