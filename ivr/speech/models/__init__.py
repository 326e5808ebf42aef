"""Models of speech: directories as the Vosk project packs them, one for each language that callers may speak.

Rules
1. A model is a directory and nothing else: who has one may put it anywhere and name it in the settings.
2. No model is ever fetched by itself.  One that is small and made for this hotline comes with the project
   (`proof-uk-ru`, see its MODEL.md); `ivr models install` fetches what the operator names.
3. A damaged model can take the process that loads it along (a cut-off graph is a segmentation fault, measured with
   vosk 0.3.45): what is new is tried in a process of its own first.
"""

from ivr.speech.models.check import BadModel, Model, checksum, foreign, verify
from ivr.speech.models.install import CannotInstall, install
from ivr.speech.models.shelf import BUILT_IN, Shelf, ShelfFault, find

__all__ = [
    "BUILT_IN", "BadModel", "CannotInstall", "Model", "Shelf", "ShelfFault", "checksum", "find",
    "foreign", "install", "verify",
]  # fmt: skip
