"""What a caller does, written down once: the same file is held as text and as a real call.

    about: A household enters one reading
    caller: "+380441110001"          # leave out: number withheld
    steps:
      - hears: languages             # waits until this prompt begins; fails when it doesn't in time
      - keys: "1"                    # in quotes: 0123 without them is another number
      - listens                      # waits until what is being said is over
      - waits: 8                     # says and keys nothing for so many seconds
      - hangs up                     # without it the caller stays until the machine hangs up
    expects:
      outcome: reading_taken
      readings: [{account: "1000000005", zone: single, value: 41650}]

Rules: prompts are named as in the catalogue; time passes only in steps that say so.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, StringConstraints, ValidationError

from domain.model import Outcome, Status, Zone

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


class Expects(_Strict):
    """What must have come of the call.  readings: exactly these, in order."""

    outcome: Annotated[Outcome, Field(strict=False)]
    readings: list[ExpectedReading] = Field(default_factory=list[ExpectedReading])


class Scenario(_Strict):
    """A caller and what they do.  dtmf: how their telephone sends keys.  rtp: whether it sends any sound at all."""

    about: str
    steps: list[Annotated[Step, BeforeValidator(_step)]]
    caller: Annotated[str, StringConstraints(pattern=r"^\+?[0-9]{3,15}$")] | None = None
    dialled: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+*#._-]{1,64}$")] = "100"
    dtmf: Literal["rfc4733", "inband", "info"] = "rfc4733"
    rtp: bool = True
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
