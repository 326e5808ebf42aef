"""Accounts: what is known of them, what their meters show, what is billed.

Rule: a reading by web is judged as one by telephone (`domain.doubt`): what is doubted is asked about before it is
taken, and is kept whatever becomes of the question.  Two differences: who types into a form sees what they typed, so
that what is believable needs no confirmation; and nobody tells us that a customer went away, so that a doubted value
is kept when the question is asked, not when it stays unanswered.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response
from pydantic import AfterValidator

from domain import clients, doubt, history, rules
from domain.clients import Client, Right
from domain.commands import AskStatement, AskTerms, Command, FindAccount, KeepDoubtful, SubmitReading
from domain.doubt import Doubtful, Question
from domain.handlers import perform
from domain.model import Account, Doubt, Meter
from domain.store import Connection
from ivr.console.api import cursors
from ivr.console.api.access import Asking, Guarded, InService, guarded
from ivr.console.api.cursors import Cursor, Limit
from ivr.console.api.once import Answer, Key, made, once, refused
from ivr.console.api.problems import MEDIA, Problem
from ivr.console.api.shapes import (
    AccountNumber,
    AccountOut,
    Asked,
    Billed,
    ReadingOut,
    ReadingsPage,
    Shown,
    StatementOut,
    Submission,
    Submitted,
    Taken,
)

accounts = APIRouter(prefix="/api/v1/accounts", tags=["accounts"], route_class=Guarded)

InPath = Annotated[AccountNumber, Path(description="of the account: ten digits, the last a check digit")]
TOO_WIDE: Final = "too_wide"
"""The question about more digits than the display has; the others are `domain.doubt.Ask`."""


def _month(text: str) -> str:
    date.fromisoformat(f"{text}-01")
    return text


Month = Annotated[str, Path(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", examples=["2026-10"]), AfterValidator(_month)]


def found(conn: Connection, client: Client, number: str, now: Any) -> Account:
    """The account, if it is there for this client.  Raises Problem."""
    account = perform(conn, FindAccount(number), call=None, seq=None, at=now)
    if account is None or not clients.deals_with(conn, client, number):
        raise Problem(404, "not-found", "there is no such account")
    return account


@accounts.get("/{number}", operation_id="getAccount", summary="An account", **guarded(Right.ACCOUNTS_READ, 404, 422))
async def get_account(number: InPath, serving: InService, client: Asking) -> AccountOut:
    """Its meters and registers with the values that count, and what a reading given today would count for."""
    now = serving.clock()

    def job(conn: Connection) -> dict[str, Any]:
        account = found(conn, client, number, now)
        terms = perform(conn, AskTerms(number), call=None, seq=None, at=now) if account.meters else None
        return {
            "number": account.number,
            "kind": account.kind,
            "region": account.region,
            "meters": account.meters,
            "terms": terms,
        }

    return AccountOut.model_validate(await serving.read(job))


@accounts.get(
    "/{number}/readings",
    operation_id="listReadings",
    summary="Its readings",
    **guarded(Right.ACCOUNTS_READ, 404, 422),
)
async def list_readings(
    number: InPath, serving: InService, client: Asking, limit: Limit = 50, cursor: Cursor = None
) -> ReadingsPage:
    """Everything that was ever read, newest first: every source, doubtful ones too."""
    now = serving.clock()
    before = cursors.item_of(cursor) if cursor else None

    def job(conn: Connection) -> list[history.PastReading]:
        found(conn, client, number, now)
        return history.page(conn, number, before=before, limit=limit + 1)

    read = await serving.read(job)
    more = cursors.cursor(read[limit - 1].id) if len(read) > limit else None
    return ReadingsPage(items=[ReadingOut.model_validate(each) for each in read[:limit]], next=more)


SUBMITTING: Final = guarded(Right.READINGS_WRITE, 400, 404, 409, 413, 415, 422)
SUBMITTING["responses"][409] = {
    "description": "A value is doubtful (`urn:hotline:problem:doubtful`), or the same request is being worked at.",
    "content": {MEDIA: {"schema": {"anyOf": [
        {"$ref": "#/components/schemas/DoubtfulProblem"}, {"$ref": "#/components/schemas/ProblemDetails"},
    ]}}},
}  # fmt: skip


@accounts.post(
    "/{number}/readings",
    operation_id="submitReading",
    summary="Submit a reading",
    status_code=201,
    response_model=Submitted,
    **SUBMITTING,
)
async def submit_reading(
    number: InPath, body: Submission, key: Key, request: Request, serving: InService, client: Asking
) -> Response:
    """What one or all registers of a meter show today.  All of them are taken, or none is.

    A value that is doubted is answered 409 `doubtful` with the question to ask; send the submission again, with a new
    Idempotency-Key, with the value that the customer then names, or with `confirm: true`.
    """
    if len({(shown.zone, shown.energy) for shown in body.readings}) < len(body.readings):
        raise Problem(422, "invalid", "one value for each register")

    def deed(conn: Connection, now: Any) -> Answer:
        account = found(conn, client, number, now)
        meter = next((meter for meter in account.meters if meter.number == body.meter), None)
        if meter is None:
            raise Problem(404, "not-found", "there is no such meter at this account")

        def do(command: Command[Any]) -> Any:
            return perform(conn, command, call=None, seq=None, at=now, source=client.source, by=client.name)

        judged = [_judge(account, meter, shown, rules.local_day(now)) for shown in body.readings]
        if any(each.asked for each in judged):
            for each in judged:
                if each.asked:
                    do(each.keep(number, meter, _said(each)))
            questions = [each.asked.model_dump(mode="json") for each in judged if each.asked]
            return refused(
                Problem(409, "doubtful", "nothing was submitted: ask the customer", more={"questions": questions})
            )
        taken = list(_submitted(judged, number, meter, do))
        what = Submitted(account=number, meter=meter.number, readings=taken)
        return made(what, location=f"/api/v1/accounts/{number}/readings")

    return await once(request, serving, client, key, body, deed)


@accounts.get(
    "/{number}/statement",
    operation_id="getStatement",
    summary="What was paid, what will be billed",
    **guarded(Right.ACCOUNTS_READ, 404, 422),
)
async def get_statement(number: InPath, serving: InService, client: Asking) -> StatementOut:
    """For which reading was the last bill, and what will be billed next as things stand."""
    now = serving.clock()

    def job(conn: Connection) -> Any:
        found(conn, client, number, now)
        return perform(conn, AskStatement(number), call=None, seq=None, at=now)

    return StatementOut.model_validate(await serving.read(job))


@accounts.put(
    "/{number}/bills/{period}",
    operation_id="putBill",
    summary="What was billed and paid",
    status_code=204,
    response_class=Response,
    **guarded(Right.BILLS_WRITE, 400, 404, 413, 415, 422),
)
async def put_bill(number: InPath, period: Month, body: Billed, serving: InService, client: Asking) -> None:
    """The supplier tells us what it billed for a month, and later what was paid.  The same again changes nothing."""
    now = serving.clock()

    def job(conn: Connection) -> None:
        found(conn, client, number, now)
        history.post_bill(conn, number, date.fromisoformat(f"{period}-01"), **body.model_dump(), at=now)

    await serving.write(job)


@dataclass(frozen=True)
class _Judged:
    """A value, why it is doubted, and what has to be asked before it may count."""

    shown: Shown
    doubt: Doubt | None = None
    asked: Asked | None = None

    def keep(self, account: str, meter: Meter, said: str | None) -> KeepDoubtful:
        assert self.doubt and said
        shown = self.shown
        return KeepDoubtful(account, meter.number, shown.zone, shown.value, self.doubt, said, shown.energy)


def _judge(account: Account, meter: Meter, shown: Shown, today: date) -> _Judged:
    register = next((r for r in meter.registers if (r.zone, r.energy) == (shown.zone, shown.energy)), None)
    if register is None:
        raise Problem(422, "unanswerable", f"this meter has no register for {shown.energy} energy, zone {shown.zone}")
    if shown.value >= 10**register.width:
        offered = doubt.offer(doubt.too_wide(meter, register, str(shown.value), today))
        return _Judged(shown, Doubt.TOO_WIDE, _asked(shown, Doubt.TOO_WIDE, offered, None))
    others = tuple(other for other in account.meters if other.number != meter.number)
    match doubt.diagnose(meter, register, shown.value, today, neighbours=others):
        case Doubtful(why, used) as verdict:
            return _Judged(shown, why, None if shown.confirm else _asked(shown, why, verdict.question, used))
        case _:
            return _Judged(shown)


def _asked(shown: Shown, why: Doubt, question: Question | None, used: int | None) -> Asked:
    return Asked(
        zone=shown.zone,
        energy=shown.energy,
        value=shown.value,
        doubt=why,
        ask=question.ask if question else TOO_WIDE,
        used=used,
        meant=question.meant if question else None,
        other_zone=question.zone if question else None,
        other_meter=question.meter if question else None,
        digits=(question.digits or None) if question else None,
    )


def _said(each: _Judged) -> str | None:
    """What became of the question, in words that are kept."""
    if each.doubt is None:
        return None
    return f"asked: {each.asked.ask}; no answer yet" if each.asked else "asked by another channel: confirmed"


def _submitted(judged: list[_Judged], account: str, meter: Meter, do: Any) -> Iterator[Taken]:
    for left, each in zip(range(len(judged) - 1, -1, -1), judged, strict=True):
        shown = each.shown
        receipt = do(
            SubmitReading(account, meter.number, shown.zone, shown.value, each.doubt, left, shown.energy, _said(each))
        )
        yield Taken(
            zone=shown.zone,
            energy=shown.energy,
            value=shown.value,
            status="doubtful" if each.doubt else "accepted",  # pyright: ignore[reportArgumentType]
            receipt=receipt.number,
            counts=receipt.counts,
            period=receipt.period,
        )
