"""What happened in a call, on one time line, for people who listen to its recording.

Rules
1. Pure: rows of the store in, a story out; it never raises over what they hold.
2. Seconds count from the beginning of the recording, which is the moment when the call was answered
   (docs/decisions/011).
3. What is told comes from two rows of witnesses: the journal (what was answered and done, replayed against the flows
   of today for where that stands on their maps) and the moments (what was heard in between, and when).  A call
   without moments, from before they were kept, has steps and deeds; one whose journal the flow of today can't follow
   (`Story.diverged`) has what the lines say by themselves.

Texts for people are not made here: an event carries names and facts; `facts["words"]` holds what a sentence about it
needs (the words `story.<kind>_<label>` of the console).
"""

from ivr.story.live import Board, Live, live
from ivr.story.model import SILENCE, Doubt, Event, Story, Visit
from ivr.story.telling import story

__all__ = ["SILENCE", "Board", "Doubt", "Event", "Live", "Story", "Visit", "live", "story"]
