"""What must be true of the project as a whole."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from ivr.commands.settings import renewed

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def tracked():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


def names(requirements):
    return {re.match(r"[A-Za-z0-9-]+", r)[0].lower() for r in requirements}


def test_every_dependency_has_its_licence_written_down():
    text = (ROOT / "docs/licences.md").read_text().lower()
    groups = PROJECT["dependency-groups"]

    for name in names(PROJECT["project"]["dependencies"]) | names(groups["build"]) | names(groups["dev"]):
        assert name.removeprefix("types-") in text, name


@pytest.mark.parametrize("kind", ["run", "dev"])
def test_requirements_are_pinned_hashed_complete_and_name_no_index(kind):
    text = (ROOT / f"requirements/{kind}.txt").read_text()
    wanted = PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["build"]
    pinned = {line.partition("==")[0].lower() for line in text.splitlines() if "==" in line}

    assert names(wanted) <= pinned
    assert "://" not in text
    for block in re.split(r"\n(?=\S)", text.strip()):
        assert "==" in block.splitlines()[0]
        assert "--hash=sha256:" in block


def test_the_settings_in_the_docs_are_those_of_the_code():
    text = (ROOT / "docs/settings.md").read_text("utf-8")

    assert renewed(text) == text, "run: ivr settings --write docs/settings.md"


def test_the_example_of_the_settings_is_a_good_one(tmp_path, monkeypatch):
    from ivr.asterisk.config import AsteriskConfig
    from ivr.service.settings import load

    monkeypatch.setenv("IVR_ASTERISK__TRUNK__PASSWORD", "from-the-environment")
    settings = load(ROOT / "deploy/hotline.example.toml")
    needed = dict.fromkeys(("run", "modules", "share", "sounds", "spool", "ctl"), tmp_path)
    ports = {"sip_port": settings.sip_port, "http_port": 8088, "rtp_first": 20000, "rtp_last": 20999}
    config = AsteriskConfig(**needed, **ports, ari_password="x", **settings.asterisk)

    assert config.trunk.password.get_secret_value() == "from-the-environment"
    assert config.trunk.hosts == ("192.0.2.10",)


FOLDERS = "docs|deploy|tests|flows|prompts|ivr|asterisk-config|bench"
GENERATED = ("talent/", "audio/", "results/")


def test_links_in_the_docs_lead_somewhere():
    for page in tracked():
        if page.suffix != ".md":
            continue
        text = page.read_text("utf-8")
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text):
            assert (page.parent / target).exists(), f"{page.name} -> {target}"
        for target in re.findall(rf"`((?:{FOLDERS})/[\w./-]+)`", text):
            here = (ROOT / target).exists() or any(part in target for part in GENERATED)
            assert here, f"{page.name} speaks of {target}"


def test_prompts_that_the_dialplan_plays_exist_in_every_language():
    from prompts import Catalogue

    dialplan = (ROOT / "asterisk-config/extensions.conf").read_text()
    said = set(re.findall(r"Playback\(ivr/\$\{IVR_LANGUAGE\}/(\w+)\)", dialplan))
    catalogue = Catalogue.load()

    assert said == {"apology", "connecting", "agents_busy", "time_over"}
    for language in catalogue.texts:
        for prompt in said:
            assert f"{language}/{prompt}" in catalogue.seconds, "one clip of that very name, as the dialplan plays it"


def test_no_prompt_is_there_that_nobody_says():
    from flows import FLOWS
    from flows.repair import PLACES
    from flows.worlds import SHOWN, TOLD, world
    from ivr.dialog.explore import explore
    from prompts import Catalogue

    by_the_house = {"connecting", "agents_busy", "time_over"}
    by_place = {f"place_{place}" for place in range(1, PLACES + 1)}  # explored at a few of them
    catalogue = Catalogue.load()
    found = [explore(flow, SHOWN, world, told=told) for name, flow in FLOWS.items() for told in TOLD[name]]
    said = {prompt for each in found for prompt in each.prompts()}
    within = {place for prompt in catalogue.prompts for place in catalogue.mentioned(prompt)}

    assert catalogue.prompts - said - by_the_house - by_place - within == set()
    assert by_place <= catalogue.prompts


def test_nothing_is_committed_that_belongs_to_a_machine():
    for path in tracked():
        assert path.suffix not in {".pyc", ".db", ".raw", ".log"}, path
        assert path.stat().st_size < (15_000_000 if "models" in path.parts else 5_000_000), path


def test_the_table_of_roles_in_the_docs_is_that_of_the_code():
    from ivr.commands.staff import renewed_roles

    text = (ROOT / "docs/console.md").read_text("utf-8")
    assert renewed_roles(text) == text, "run: ivr staff roles --write docs/console.md"
