"""Words and sound: the catalogue of prompts, spoken numbers and dates, and the renderer of the audio.

``composer`` is what runs during calls; ``spoken`` is its grammar; ``checker`` proves before any call that
nothing is missing; ``render``, ``sound`` and ``rhvoice`` make the audio; ``command`` is the command line.
"""

from prompts.composer import Catalogue, CatalogueError, Composition

__all__ = ["Catalogue", "CatalogueError", "Composition"]
