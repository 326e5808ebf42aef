"""Settings of a hotline: from a TOML file, overridden by the environment.

Rules: every setting has a default that is right for one machine; a wrong file is a clear message, never a guess.
The environment's names are `IVR_` and the setting's, with `__` between a group and its member:
`IVR_SIP_PORT=5060`, `IVR_ASTERISK__SIP_BIND=0.0.0.0`.  `docs/settings.md` lists them all.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from flows import FLOWS
from ivr.dialog import Manner

FILE = "hotline.toml"


class BadSettings(Exception):
    """The settings can't be used; the message names each wrong one and says why."""


class Settings(BaseSettings):
    """What may be set.  Durations in seconds."""

    model_config = SettingsConfigDict(env_prefix="IVR_", env_nested_delimiter="__", extra="forbid", frozen=True)

    data: Path = Field(Path("data"), description="everything that is kept: store, recordings, Asterisk")
    store: str | None = Field(None, description="database URL; default: hotline.db (SQLite) in the data directory")
    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")] = Field(
        "a", description="this controller's name, unique among the controllers of one Asterisk"
    )
    flow: str = Field("meter_reading", description="the conversation that callers get")
    capacity: int = Field(200, ge=1, description="the most calls that this controller conducts at one time")
    sip_port: int | None = Field(None, ge=1, le=65535, description="UDP; default: free")
    ari_port: int | None = Field(None, ge=1, le=65535, description="TCP, ARI on loopback; default: free")
    http_port: int | None = Field(
        None, ge=1, le=65535, description="TCP, health and figures on loopback; default: free"
    )
    rtp_ports: str | None = Field(None, pattern=r"^\d{4,5}-\d{4,5}$", description="UDP; FIRST-LAST, two for a call")
    drain: float = Field(60.0, ge=0, description="how long calls may go on after the order to stop")
    keep_asterisk: bool = Field(False, description="leave Asterisk running on an orderly stop, with its calls")
    questions: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="timers of a question by its prompt's name; see docs/settings.md"
    )
    asterisk: dict[str, Any] = Field(
        default_factory=dict, description="what Asterisk is told: trunk, agents, addresses, longest_call, ..."
    )

    @field_validator("flow")
    @classmethod
    def _flow_exists(cls, name: str) -> str:
        if name not in FLOWS:
            raise ValueError(f"there is no conversation {name!r}; there are: {', '.join(sorted(FLOWS))}")
        return name

    @field_validator("questions")
    @classmethod
    def _manners_exist(cls, questions: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for question, manners in questions.items():
            for name, value in manners.items():
                default = getattr(Manner(), name, None)
                if default is None:
                    raise ValueError(f"{question}: {name} is no timer; there are: {', '.join(Manner.__slots__)}")
                numeric = isinstance(default, int | float) and not isinstance(default, bool)
                if not isinstance(value, int | float if numeric else type(default)) or (numeric and value < 0):
                    raise ValueError(f"{question}: {name} = {value!r} should be like {default!r}")
        return questions

    @property
    def store_url(self) -> str:
        """Where the store is."""
        return self.store or f"sqlite:///{(self.data / 'hotline.db').resolve()}"

    @property
    def rtp_range(self) -> tuple[int, int] | None:
        """The first and the last RTP port."""
        if self.rtp_ports is None:
            return None
        first, _, last = self.rtp_ports.partition("-")
        return int(first), int(last)


def load(file: Path | None = None, **overrides: Any) -> Settings:
    """Settings from `file` (default: `hotline.toml` here, if it exists), the environment, and the command line.

    overrides: what was given on the command line; None means not given.  Raises `BadSettings`.
    """
    chosen = file or (Path(FILE) if Path(FILE).is_file() else None)
    if file is not None and not file.is_file():
        raise BadSettings(f"{file}: there is no such file")

    class FromFile(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            file_settings = (TomlConfigSettingsSource(settings_cls, chosen),) if chosen else ()
            return (init_settings, env_settings, *file_settings)

    where = f"{chosen}: " if chosen else ""
    try:
        return FromFile(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as fault:
        raise BadSettings("\n".join(f"{where}{_say(error)}" for error in fault.errors())) from fault
    except (ValueError, OSError) as fault:  # TOML that is none, JSON in the environment that is none
        raise BadSettings(f"{where}{fault}") from fault


def _say(error: Any) -> str:
    name = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{name}: no such setting; there are: {', '.join(Settings.model_fields)}"
    return f"{name}: {error['msg'].removeprefix('Value error, ')} (it is {error['input']!r})"
