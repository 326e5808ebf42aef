"""Hand-over files of readings, for the suppliers who bill."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from domain import handover
from domain.clients import Right
from domain.store import Connection
from ivr.console.api import cursors
from ivr.console.api.access import Asking, Guarded, InService, guarded
from ivr.console.api.cursors import Cursor, Limit
from ivr.console.api.problems import Problem
from ivr.console.api.shapes import FileOut, FilesPage

files = APIRouter(prefix="/api/v1/handover-files", tags=["hand-over"], route_class=Guarded)


def _visible(conn: Connection, supplier: str | None) -> list[handover.File]:
    """Finished ones, newest first; a supplier's client sees its own."""
    return [
        file
        for file in reversed(handover.files(conn))
        if file.sha256 is not None and (supplier is None or file.supplier == supplier)
    ]


@files.get("", operation_id="listHandoverFiles", summary="Files of readings", **guarded(Right.HANDOVERS_READ, 422))
async def list_files(serving: InService, client: Asking, limit: Limit = 50, cursor: Cursor = None) -> FilesPage:
    """Each reading is in one of them once."""
    before = cursors.item_of(cursor) if cursor else None
    seen = await serving.read(lambda conn: _visible(conn, client.supplier))
    rest = [file for file in seen if before is None or file.id < before]
    more = cursors.cursor(rest[limit - 1].id) if len(rest) > limit else None
    return FilesPage(items=[FileOut.model_validate(each) for each in rest[:limit]], next=more)


@files.get(
    "/{name}",
    operation_id="getHandoverFile",
    summary="A file of readings",
    response_class=Response,
    **guarded(Right.HANDOVERS_READ, 404, 422),
)
async def get_file(
    name: Annotated[str, Path(pattern=r"^[^/]{1,120}$", examples=["taken_2026-10_Supplier_000001.csv"])],
    serving: InService,
    client: Asking,
) -> Response:
    """CSV, byte for byte as it was handed over."""

    def job(conn: Connection) -> bytes:
        if name not in {file.name for file in _visible(conn, client.supplier)}:
            raise Problem(404, "not-found", "there is no such file")
        return handover.content(conn, name)

    return Response(await serving.read(job), media_type="text/csv; charset=utf-8")
