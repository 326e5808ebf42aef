"""Pages: `limit` items and a cursor to the next ones.

Rule: a cursor is opaque; it names the last item that was given, so that pages neither repeat nor skip anything while
new items come.  It gives no rights: what it names is looked for among what the client may see.
"""

import base64
import binascii
import re
from typing import Annotated

from fastapi import Query
from pydantic import AfterValidator

MOST = 200


def cursor(item: int) -> str:
    """That leads behind this item."""
    return base64.urlsafe_b64encode(f"v1:{item}".encode()).decode().rstrip("=")


def item_of(text: str) -> int:
    """The item that the cursor names.  Raises ValueError."""
    try:
        named = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        named = ""
    found = re.fullmatch(r"v1:([0-9]{1,18})", named)
    if found is None or cursor(int(found[1])) != text:
        raise ValueError("not a cursor of ours: take `next` of the page before, or none for the first page")
    return int(found[1])


def _checked(text: str) -> str:
    item_of(text)
    return text


Limit = Annotated[int, Query(ge=1, le=MOST, description="items on a page, at most 200", examples=[50])]
Cursor = Annotated[
    str | None,
    Query(max_length=64, description="`next` of the page before; none for the first page"),
    AfterValidator(lambda text: text if text is None else _checked(text)),
]
