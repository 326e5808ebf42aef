"""What a caller does, written down once: the same file is held as text and as a real call.

    about: A household enters one reading
    caller: "+380441110001"          # leave out: number withheld
    given:                           # how things stand before the call; leave out: people are there, and no more
      people: closed
      outages: [{account: "1000000026"}]
    steps:
      - hears: languages             # waits until this prompt begins; fails when it doesn't in time
      - keys: "1"                    # in quotes: 0123 without them is another number
      - listens                      # waits until what is being said is over
      - waits: 8                     # says and keys nothing for so many seconds
      - hangs up                     # without it the caller stays until the machine hangs up
    expects:
      outcome: reading_taken
      readings: [{account: "1000000005", zone: single, value: 41650}]
      requests: [{kind: complaint, topic: quality, reply_by: phone, contact: "+380441110001"}]

Rules: prompts are named as in the catalogue; time passes only in steps that say so; the store must hold exactly what
is expected, no more and no less; nothing depends on the hour at which the scenario is held.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    StringConstraints,
    ValidationError,
    model_validator,
)

from domain.model import OrderKind, OutageKind, Outcome, ReplyBy, RequestKind, Status, Topic, Zone

Keys: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9*#A-D]+$")]


class ScenarioError(Exception):
    """The file can't be used; the message names the file, the place in it, and what to write instead."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Hears(_Strict):
    """Wait until this prompt begins, at most `within` seconds."""

    hears: str
    within: FiniteFloat = Field(20.0, gt=0)


class Presses(_Strict):
    """Press these keys.  tone, gap: milliseconds of each key and between two."""

    keys: Keys
    tone: int = Field(100, ge=20, le=5000)
    gap: int = Field(80, ge=0, le=10_000)


class Waits(_Strict):
    """Do nothing for so many seconds."""

    waits: float = Field(gt=0, le=600)


class Listens(_Strict):
    """Wait until what is being said is over."""

    listens: None = None


class HangsUp(_Strict):
    """Put the receiver down."""

    hangs_up: None = None


Step: TypeAlias = Hears | Presses | Waits | Listens | HangsUp
_BARE: dict[str, dict[str, None]] = {"listens": {"listens": None}, "hangs up": {"hangs_up": None}}
_KINDS: dict[str, type[Step]] = {
    "hears": Hears,
    "keys": Presses,
    "waits": Waits,
    "listens": Listens,
    "hangs_up": HangsUp,
}


def _step(written: Any) -> Step:
    """One step as it stands in the file, or as a program made it."""
    if isinstance(written, Hears | Presses | Waits | Listens | HangsUp):
        return written
    step = _BARE.get(written) if isinstance(written, str) else written
    kinds = [kind for name, kind in _KINDS.items() if isinstance(step, Mapping) and name in step]
    if len(kinds) != 1:
        raise ValueError(f"{written!r} is no step; write one of hears, keys, waits, listens, hangs up")
    if kinds[0] is Presses and not isinstance(step["keys"], str):  # type: ignore[index]
        raise ValueError(f'keys must stand in quotes: "{step["keys"]}"')  # type: ignore[index]
    return kinds[0].model_validate(step)


class ExpectedReading(_Strict):
    """A reading that must be in the store afterwards."""

    account: str
    zone: Annotated[Zone, Field(strict=False)]
    value: int
    meter: str | None = None
    status: Annotated[Status, Field(strict=False)] = Status.ACCEPTED


class ExpectedRequest(_Strict):
    """A complaint, suggestion or question that must be registered."""

    kind: Annotated[RequestKind, Field(strict=False)]
    topic: Annotated[Topic, Field(strict=False)]
    reply_by: Annotated[ReplyBy, Field(strict=False)]
    account: str | None = None
    contact: str | None = None


class ExpectedOutage(_Strict):
    """A report that must be there."""

    kind: Annotated[OutageKind, Field(strict=False)]
    account: str | None = None
    contact: str | None = None


class ExpectedOrder(_Strict):
    """A service that must be ordered."""

    kind: Annotated[OrderKind, Field(strict=False)]
    account: str
    contact: str | None = None


class ExpectedCallBack(_Strict):
    """A call back that must be ordered."""

    about: str
    contact: str
    account: str | None = None


class Expects(_Strict):
    """What must have come of the call: exactly this, each in order."""

    outcome: Annotated[Outcome, Field(strict=False)]
    readings: list[ExpectedReading] = Field(default_factory=list[ExpectedReading])
    requests: list[ExpectedRequest] = Field(default_factory=list[ExpectedRequest])
    outages: list[ExpectedOutage] = Field(default_factory=list[ExpectedOutage])
    orders: list[ExpectedOrder] = Field(default_factory=list[ExpectedOrder])
    callbacks: list[ExpectedCallBack] = Field(default_factory=list[ExpectedCallBack])


class GivenOutage(_Strict):
    """Somebody has reported this account's outage already, by another channel."""

    account: str
    kind: Annotated[OutageKind, Field(strict=False)] = OutageKind.NO_SUPPLY


class GivenIncident(_Strict):
    """The dispatcher knows that the building of this account has no supply.

    ends_in: hours from now until it should be back.  planned: works that were announced; they have an end.
    """

    account: str
    ends_in: FiniteFloat | None = Field(None, gt=0, le=72)
    planned: bool = False

    @model_validator(mode="after")
    def _works_end(self) -> Self:
        if self.planned and self.ends_in is None:
            raise ValueError("planned works need ends_in")
        return self


class GivenRequest(_Strict):
    """Something was registered already; its number is the next one (the first: 10000012, the second: 10000020)."""

    kind: Annotated[RequestKind, Field(strict=False)] = RequestKind.COMPLAINT
    topic: Annotated[Topic, Field(strict=False)] = Topic.OTHER
    reply_by: Annotated[ReplyBy, Field(strict=False)] = ReplyBy.PHONE


class GivenAnnouncement(_Strict):
    """A supervisor has switched this prompt on, for a region or for all.  ends_in: hours from now."""

    prompt: str
    region: str | None = None
    ends_in: FiniteFloat | None = Field(None, gt=0, le=72)


class Given(_Strict):
    """How things stand before the call, beyond the demo customers; `ivr.simulator.given` sees to it.

    people: whether operators work, whatever the hour; closed: they do again in three days.
    """

    people: Literal["there", "closed"] = "there"
    outages: list[GivenOutage] = Field(default_factory=list[GivenOutage])
    incidents: list[GivenIncident] = Field(default_factory=list[GivenIncident])
    requests: list[GivenRequest] = Field(default_factory=list[GivenRequest])
    announcements: list[GivenAnnouncement] = Field(default_factory=list[GivenAnnouncement])


class Scenario(_Strict):
    """A caller and what they do.  dtmf: how their telephone sends keys.  rtp: whether it sends any sound at all."""

    about: str
    steps: list[Annotated[Step, BeforeValidator(_step)]]
    caller: Annotated[str, StringConstraints(pattern=r"^\+?[0-9]{3,15}$")] | None = None
    dialled: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+*#._-]{1,64}$")] = "100"
    dtmf: Literal["rfc4733", "inband", "info"] = "rfc4733"
    rtp: bool = True
    given: Given = Given()
    expects: Expects | None = None


def load(path: Path) -> Scenario:
    """Read a scenario.  Raises `ScenarioError` with what is wrong, and where."""
    try:
        written = yaml.safe_load(path.read_text("utf-8"))
    except OSError as fault:
        raise ScenarioError(f"{path}: {fault.strerror}") from fault
    except RecursionError as fault:
        raise ScenarioError(f"{path}: not readable as YAML: brackets within brackets without end") from fault
    except (yaml.YAMLError, ValueError) as fault:  # ValueError: no UTF-8, or a date that no calendar has
        raise ScenarioError(f"{path}: not readable as YAML: {' '.join(str(fault).split())}") from fault
    if not isinstance(written, dict):
        raise ScenarioError(f"{path}: a scenario has at least the lines about: and steps:")
    try:
        return Scenario.model_validate(written)
    except ValidationError as fault:
        raise ScenarioError("\n".join(f"{path}: {_place(e['loc'])}: {_plain(e)}" for e in fault.errors())) from fault


def _place(location: tuple[int | str, ...]) -> str:
    return " ".join(f"{part + 1}" if isinstance(part, int) else str(part) for part in location)


def _plain(error: Any) -> str:
    words = {
        "extra_forbidden": "no such setting",
        "missing": "is missing",
        "string_pattern_mismatch": f"{error['input']!r} has characters that can't be here",
    }
    return words.get(error["type"]) or str(error["msg"]).removeprefix("Value error, ")


def prompt_of(clip: str) -> str:
    """The prompt that a clip is a piece of: `uk/account.second.1` -> `account`."""
    return clip.rpartition("/")[2].partition(".")[0]
