"""The archive of calls: seal what may be kept, erase what may not, lose nothing in between.

Audio never lies in the repository; it lies under the data directory.
"""

from recordings.archive import Archive, Unsettled
from recordings.cutting import CannotCut, Cutting, NotYet

__all__ = ["Archive", "CannotCut", "Cutting", "NotYet", "Unsettled"]
