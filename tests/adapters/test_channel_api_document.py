"""The OpenAPI document is true: whatever it allows is answered without a fault, as it says.

schemathesis makes requests from the document, right ones and wrong ones, and looks at the answers.
"""

import json
from pathlib import Path

import pytest
import schemathesis
from api_world import ONE_ZONE, World
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    missing_required_header,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from domain.clients import Right
from ivr.commands.api import document_text
from ivr.console.api import channel_api

ROOT = Path(__file__).parents[2]
DOCUMENT = json.loads(document_text())
APP = channel_api(None)  # gets its store by the fixture; pytest wants to know all operations before
SCHEMA = schemathesis.openapi.from_asgi("/api/v1/openapi.json", APP)
AS_IT_SAYS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
BOUNDED = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("api"))
    made.post("/webhooks", {"url": "https://cabinet.example/", "kinds": ["*"]})
    made.post(f"/accounts/{ONE_ZONE}/readings", {"meter": "0100001", "readings": [{"value": 2180}]})
    for right in Right:
        made.add(f"without {right.name}", set(Right) - {right})
    APP.state.services = made.app.state.services
    yield made
    made.close()


@SCHEMA.parametrize()
@BOUNDED
def test_whatever_is_asked_is_answered_as_the_document_says(case, world):
    world.tick += 60
    headers = {"Authorization": f"Bearer {world.keys['everything']}"}

    case.call_and_validate(headers=headers, checks=[*AS_IT_SAYS, negative_data_rejection, missing_required_header])


@pytest.mark.parametrize("key", ["nonsense", "without the right"])
@SCHEMA.parametrize()
@BOUNDED
def test_whatever_is_asked_without_a_key_or_without_the_right_is_refused(case, key, world):
    right = Right(case.operation.definition.raw["security"][0]["apiKey"][0])
    sent = key if key == "nonsense" else world.keys[f"without {right.name}"]
    world.tick += 60  # wrong keys are not listened to for long

    answer = case.call(headers={"Authorization": f"Bearer {sent}"})

    case.validate_response(answer, checks=AS_IT_SAYS)
    assert answer.status_code in ({401, 403} if case.method == case.operation.method.upper() else {404, 405})


def test_the_document_is_committed_as_the_code_makes_it():
    file = ROOT / "docs/api/openapi.json"

    assert file.read_text("utf-8") == document_text(), "run: .venv/bin/ivr api --openapi > docs/api/openapi.json"


def test_every_operation_is_described_and_has_a_name_of_its_own():
    operations = [operation for methods in DOCUMENT["paths"].values() for operation in methods.values()]

    assert len({operation["operationId"] for operation in operations}) == len(operations)
    for operation in operations:
        assert operation["summary"], operation["operationId"]
        assert operation["description"], operation["operationId"]
        assert operation["tags"][0] in {tag["name"] for tag in DOCUMENT["tags"]}
        assert {"401", "403", "429", "500", "503"} <= set(operation["responses"])
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"]
