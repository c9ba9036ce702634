"""The API against its own description: hostile and friendly requests made from it (FAULTS A18)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from haechi.api.auth.tokens import csrf_of
from tests.api.world import HOST, ORIGIN, World

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
MOST_S = 75.0
EXAMPLES = 60
LEFT_OUT = {("DELETE", "/api/session"), ("GET", "/{camera}/live.mjpeg")}
"""One would end the session that all others are asked in, the other has an answer without end."""


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_nothing_made_from_the_description_breaks_the_api_or_gets_an_answer_that_is_not_in_it(world: World) -> None:
    """With an administrator's rights, so that requests get past the gate; ids that exist mixed with made-up ones."""
    camera = world.camera()
    event = world.event(camera)
    known = {"camera": camera, "event": event.id, "recording": "7"}
    token = world.token(world.user("Ann", "admin"))
    app = world.app()
    schema = schemathesis.openapi.from_dict(app.openapi())
    schema.app = app
    headers = {"Host": HOST, "Origin": ORIGIN, "X-Haechi-CSRF": csrf_of(token), "Cookie": f"haechi_session={token}"}
    asked: dict[int, int] = {}
    deadline_s = time.monotonic() + MOST_S

    def check(operation: Any, mode: GenerationMode) -> None:
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), is_known=st.booleans())
        def run(case: Any, is_known: bool) -> None:
            if time.monotonic() > deadline_s:
                return
            if is_known and case.method != "DELETE":
                case.path_parameters.update({name: known[name] for name in known.keys() & case.path_parameters.keys()})
            answer = case.call(headers=headers)
            asked[answer.status_code] = asked.get(answer.status_code, 0) + 1
            case.validate_response(answer, checks=CHECKS)

        run()

    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) == sum(len(methods) for methods in app.openapi()["paths"].values())
    wanted = [one for one in operations if (one.method.upper(), one.path) not in LEFT_OUT]
    for mode in (GenerationMode.NEGATIVE, GenerationMode.POSITIVE):
        for operation in wanted:
            has_input = bool(operation.body or operation.query or operation.path_parameters)
            is_late = time.monotonic() > deadline_s  # making examples takes long too, on a machine that is busy
            if not is_late and (has_input or mode is GenerationMode.POSITIVE):
                check(operation, mode)
    assert asyncio.run(world.auth.sessions.find(token)) is not None
    assert sum(asked.values()) > 500, asked
    assert {200, 404, 422} <= asked.keys()
