"""`ivr call`: a scenario as a real SIP call."""

import asyncio
from pathlib import Path

import click
from rich.text import Text

from ivr.commands.output import console, fail
from ivr.service.hotline import SOUNDS
from ivr.service.settings import BadSettings
from ivr.service.settings import load as load_settings
from ivr.simulator.caller import CallerError, Event
from ivr.simulator.hearing import BadSound, PromptIndex
from ivr.simulator.phone import hold
from ivr.simulator.scenario import ScenarioError, load
from ivr.simulator.voices import Voices


@click.command()
@click.argument("scenario", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--to", "uri", required=True, help="Whom to call: sip:hotline@127.0.0.1:5060")
@click.option("--sounds", type=click.Path(path_type=Path, file_okay=False), default=SOUNDS, help="What may be heard.")
@click.option("--beyond-loopback", is_flag=True, help="Allow a call to another machine.")
def call(scenario: Path, uri: str, sounds: Path, beyond_loopback: bool) -> None:
    """Hold SCENARIO (a YAML file) as a real call; exit 0 if everything was heard as written.

    A caller who speaks does so with RHVoice; it is fetched into the data directory when it isn't there.
    """

    def show(event: Event) -> None:
        console.print(Text.assemble((f"{event.kind:5}", "dim"), " ", event.text))

    try:
        written = load(scenario)
        voices, index = Voices(load_settings().data), PromptIndex.from_folder(sounds)
        caller = asyncio.run(hold(written, uri, index, voices=voices, on_event=show, beyond_loopback=beyond_loopback))
    except (ScenarioError, BadSettings, CallerError, BadSound, ValueError) as fault:
        fail(str(fault))
    except OSError as fault:
        fail(f"{uri} can't be called: {fault.strerror or fault}")
    console.print(f"{caller.hangup}", markup=False)
