"""The scenario files, held as text: each comes to what it expects.  tests/telephony holds the same as real calls."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from ivr.__main__ import main
from ivr.simulator.scenario import ScenarioError, load

FILES = sorted((Path(__file__).parents[1] / "conversations").glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_a_scenario_comes_to_what_it_expects(file):
    assert load(file).expects is not None, "a scenario that expects nothing proves nothing"

    result = CliRunner().invoke(main, ["simulate", "--script", str(file)])

    assert result.exit_code == 0, result.output


def test_a_scenario_that_is_not_fulfilled_fails(tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text((FILES[0].parent / "one_reading.yaml").read_text().replace("value: 104700", "value: 104701"))

    result = CliRunner().invoke(main, ["simulate", "--script", str(wrong)])

    assert result.exit_code == 1
    assert "the store has 1000000083 single 104700 accepted, expected 1000000083 single 104701" in result.output


@pytest.mark.parametrize(
    ("file", "line", "complaint"),
    [
        ("order", "  orders:", "the store has seal 1000000018 +380440000001, expected no order"),
        ("danger", "  outages:", "the store has danger None +380440000001, expected no outage"),
        ("call_back", "  callbacks:", "the store has status None +380671234567, expected no call back"),
        (
            "suggestion",
            "  requests:",
            "the store has suggestion other phone None +380440000009 told draft, expected no request",
        ),
    ],
)
def test_what_is_in_the_store_and_not_expected_fails_too(tmp_path, file, line, complaint):
    text = (FILES[0].parent / f"{file}.yaml").read_text()
    less = tmp_path / "less.yaml"
    less.write_text("\n".join(each for each in text.splitlines() if not each.startswith(line)))

    result = CliRunner().invoke(main, ["simulate", "--script", str(less)])

    assert result.exit_code == 1
    assert complaint in " ".join(result.output.split())


def test_what_is_given_is_never_put_into_a_store_that_is_in_use(tmp_path):
    script = str(FILES[0].parent / "call_back.yaml")
    result = CliRunner().invoke(main, ["simulate", "--script", script, "--store", f"sqlite:///{tmp_path}/used.db"])

    assert result.exit_code == 1
    assert "leave out --store" in " ".join(result.output.split())
    assert not (tmp_path / "used.db").exists()


def test_a_prompt_that_does_not_come_fails_and_says_what_came(tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("about: x\nsteps:\n  - hears: receipt\n")

    result = CliRunner().invoke(main, ["simulate", "--script", str(wrong)])

    assert result.exit_code == 1
    said = " ".join(result.output.split())
    assert "receipt did not begin within 20 s; heard language, noinput" in said


def test_a_prompt_that_comes_too_late_fails_as_it_would_in_a_real_call(tmp_path):
    file = tmp_path / "s.yaml"
    steps = "steps:\n  - hears: language\n  - {{hears: noinput, within: {within}}}\n  - hangs up\n"

    def hold(within):
        file.write_text("about: x\n" + steps.format(within=within))
        return CliRunner().invoke(main, ["simulate", "--script", str(file)])

    assert hold(30).exit_code == 0
    late = hold(0.5)
    assert late.exit_code == 1
    assert "noinput did not begin within 0.5 s; heard language" in " ".join(late.output.split())


def test_a_call_that_ends_before_the_caller_is_done_fails(tmp_path):
    file = tmp_path / "s.yaml"
    file.write_text('about: x\nsteps:\n  - hears: language\n  - keys: "0"\n  - waits: 600\n  - hears: notice\n')

    result = CliRunner().invoke(main, ["simulate", "--script", str(file)])

    assert result.exit_code == 1
    assert "the call ended before the caller came to" in " ".join(result.output.split())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("steps: [", "not readable as YAML"),
        ("just words", "at least the lines about: and steps:"),
        ("about: x\nsteps: []\nfoo: 1", "foo: no such setting"),
        ("about: x", "steps: is missing"),
        ("about: x\nsteps: [dances]", "steps 1: 'dances' is no step; write one of hears, keys, waits"),
        ("about: x\nsteps: [{keys: 0123}]", "steps 1: keys must stand in quotes"),
        ('about: x\nsteps: [{keys: "12x"}]', "keys: '12x' has characters that can't be here"),
        ("about: x\nsteps: [{waits: -1}]", "steps 1 waits"),
        ("about: x\nsteps: [{hears: a, keys: '1'}]", "is no step"),
        ("about: x\nsteps: []\ncaller: nobody", "caller: 'nobody' has characters"),
        ("about: x\nsteps: []\nexpects: {outcome: fine}", "expects outcome"),
        ("about: x\nsteps: []\ngiven: {people: asleep}", "given people"),
        ("about: x\nsteps: []\ngiven: {weather: bad}", "given weather: no such setting"),
        ("about: x\nsteps: []\ngiven: {incidents: [{account: '1', planned: true}]}", "planned works need ends_in"),
        ("about: x\nsteps: []\ngiven: {incidents: [{account: '1', ends_in: -1}]}", "given incidents 1 ends_in"),
        ("about: x\nsteps: []\nexpects: {outcome: informed, orders: [{kind: pizza, account: '1'}]}", "orders 1 kind"),
        ("\xff", "about: and steps:"),
        ("[" * 3000, "not readable as YAML: brackets within brackets"),
        ("about: 2026-13-45\nsteps: []", "not readable as YAML: month must be in 1..12"),
        ("about: x\nsteps: [{waits: .nan}]", "steps 1 waits"),
        ("about: x\nsteps: [{hears: a, within: .inf}]", "steps 1 within"),
        ('about: x\nsteps: []\ndialled: "100\\r\\nX-Evil: 1"', "dialled: '100\\r\\nX-Evil: 1' has characters"),
    ],
)
def test_a_malformed_scenario_is_refused_with_the_place_and_the_remedy(tmp_path, text, complaint):
    file = tmp_path / "s.yaml"
    file.write_text(text, "utf-8")

    with pytest.raises(ScenarioError) as refusal:
        load(file)

    assert str(refusal.value).startswith(str(file))
    assert complaint in str(refusal.value)


def test_a_scenario_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(ScenarioError, match="No such file"):
        load(tmp_path / "none.yaml")


def test_binary_rubbish_is_no_scenario(tmp_path):
    (tmp_path / "s.yaml").write_bytes(bytes(range(256)))

    with pytest.raises(ScenarioError, match="not readable"):
        load(tmp_path / "s.yaml")
