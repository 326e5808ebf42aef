"""One real Asterisk for each worker, found in $IVR_DATA (default: data/ of this repository) or unpacked there."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.asterisk import bundle as bundles
from ivr.asterisk import ports as reserved
from ivr.asterisk.bundle import Bundle
from ivr.asterisk.ports import Ports
from ivr.asterisk.server import AsteriskServer, configure
from ivr.simulator.hearing import PromptIndex
from ivr.simulator.voices import Voices

REPOSITORY = Path(__file__).resolve().parents[2]
SOUNDS = REPOSITORY / "prompts/audio"


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    return bundles.install(Path(os.environ.get("IVR_DATA") or REPOSITORY / "data"))


@pytest.fixture(scope="session")
def asterisk(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AsteriskServer]:
    """A running Asterisk with the loopback endpoints, no trunk and no agents, shared by a worker's tests."""
    with reserved.reserve() as ports:
        config = configure(
            bundle,
            tmp_path_factory.mktemp("asterisk"),
            sounds=SOUNDS,
            ports=ports,
            loopback_endpoints=True,
            system_name="test",
        )
        with AsteriskServer(bundle, config, ports=ports) as server:
            yield server


@pytest.fixture
def ports() -> Iterator[Ports]:
    """Ports for an Asterisk of the test's own."""
    with reserved.reserve() as own:
        yield own


@pytest.fixture(scope="session")
def voices() -> Voices:
    """Those of callers who speak; RHVoice is fetched to where Asterisk is."""
    return Voices(Path(os.environ.get("IVR_DATA") or REPOSITORY / "data"))


@pytest.fixture(scope="session")
def index() -> PromptIndex:
    """Every prompt, as callers recognise them."""
    return PromptIndex.from_folder(SOUNDS)
