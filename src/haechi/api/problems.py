"""Errors over HTTP, once for all routes: RFC 9457 problem details, with an id that stands in our log too."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError, ResponseValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.websockets import WebSocket

from haechi.api.headers import security_headers
from haechi.base.errors import Conflict, DataLoss, Denied, HaechiError, Invalid, NotFound, PeerError, Unavailable
from haechi.base.ids import new_id
from haechi.base.redact import is_secret_name, redact_text

log = structlog.get_logger(__name__)

PROBLEM_TYPE = "application/problem+json"
_BY_CLASS: Mapping[type[HaechiError], int] = {
    Invalid: 422,
    Denied: 403,
    NotFound: 404,
    Conflict: 409,
    Unavailable: 503,
    PeerError: 502,
    DataLoss: 500,
}
_BY_CODE: Mapping[str, int] = {
    "not-signed-in": 401,
    "wrong-credentials": 401,
    "wrong-publish-token": 401,
    "wrong-read-token": 401,
    "wrong-phone-token": 401,
    "not-for-publishing": 405,
    "not-for-watching": 405,
    "viewer-changed": 412,
    "hls-bad-reload": 400,
    "publication-changed": 412,
    "publication-unnamed": 428,
    "not-sdp": 415,
    "throttled": 429,
    "range-not-satisfiable": 416,
}
_BY_STATUS: Mapping[int, str] = {
    400: "bad-request",
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
    415: "unsupported-media-type",
}
_SCHEMES = {"wrong-publish-token": "Bearer", "wrong-read-token": "Bearer", "wrong-phone-token": "Bearer"}
"""How one gets in, for those who cannot log in; all others have a cookie."""
_MOST_ERRORS = 20
_LONGEST_TEXT = 300


class Problem(BaseModel):
    """What every error answer looks like (RFC 9457)."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(examples=["urn:haechi:problem:camera-not-found"])
    title: str = Field(description="The status in words")
    status: int
    detail: str = Field(description="One sentence for a person: what happened, and what to do")
    code: str = Field(description="Stable and machine-readable", examples=["camera-not-found"])
    context: dict[str, str | int | float | bool | None] = Field(default_factory=dict, description="Facts")
    errors: list["FieldProblem"] | None = Field(default=None, description="Which fields cannot be taken, and why")
    error_id: str = Field(description="The same id stands in the server's log")


class FieldProblem(BaseModel):
    """One field that cannot be taken. The value itself is not repeated: it may be a password."""

    field: str = Field(examples=["body.name"])
    detail: str


def status_of(error: HaechiError) -> int:
    """The HTTP status of an error."""
    if error.code in _BY_CODE:
        return _BY_CODE[error.code]
    return next((status for kind, status in _BY_CLASS.items() if isinstance(error, kind)), 500)


def problem_of(error: HaechiError) -> Problem:
    """The answer for an error of ours. Context is redacted once more: the edge trusts nobody with secrets."""
    status = status_of(error)
    facts = {key: value for key, value in error.context.items() if not is_secret_name(key)}
    return Problem(
        type=f"urn:haechi:problem:{error.code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=redact_text(error.message),
        code=error.code,
        context={key: redact_text(value) if isinstance(value, str) else value for key, value in facts.items()},
        error_id=new_id("err"),
    )


def plain_problem(status: int, code: str, detail: str) -> Problem:
    """The answer for a condition that is not an error of ours."""
    return Problem(
        type=f"urn:haechi:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code,
        error_id=new_id("err"),
    )


def problem_response(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """A problem as an answer."""
    answer = dict(headers or {})
    retry_after = problem.context.get("retry_after_s")
    if retry_after is not None:
        answer["Retry-After"] = str(retry_after)
    if problem.status == 416:
        answer["Content-Range"] = f"bytes */{problem.context.get('size_bytes', '*')}"
    if problem.status == 401:
        answer.setdefault("WWW-Authenticate", _SCHEMES.get(problem.code, "Cookie"))
    body = problem.model_dump_json(exclude_none=True)
    return Response(body, problem.status, headers=answer, media_type=PROBLEM_TYPE)


def install(app: FastAPI) -> None:
    """Map every error to its answer."""
    app.add_exception_handler(HaechiError, _on_haechi)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(ClientDisconnect, _on_gone)
    app.add_exception_handler(ResponseValidationError, _on_bug)
    app.add_exception_handler(Exception, _on_bug)


async def _on_haechi(request: Request | WebSocket, error: Exception) -> Response:
    if not isinstance(error, HaechiError):
        return await _on_bug(request, error)
    problem = problem_of(error)
    if problem.status >= 500:
        facts = {"error_id": problem.error_id, "code": error.code, "path": request.url.path, "reason": str(error)}
        log.warning("request failed", **facts, exc_info=error if problem.status == 500 else None)
    challenge = getattr(request.state, "challenge", "")
    return problem_response(problem, {"WWW-Authenticate": challenge} if challenge and problem.status == 401 else None)


async def _on_validation(_request: Request | WebSocket, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    problem = plain_problem(422, "invalid", "the request cannot be taken as it is; see errors")
    problem.errors = _fields(found)
    return problem_response(problem)


async def _on_http(_request: Request | WebSocket, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    code = _BY_STATUS.get(status, "http-error")
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "error"
    said = error.detail if isinstance(error, HTTPException) and status == 413 else phrase.lower()
    return problem_response(plain_problem(status, code, said), headers)


async def _on_gone(_request: Request | WebSocket, _error: Exception) -> Response:
    """Who asked hung up before the request had come whole. Nobody reads this."""
    return problem_response(plain_problem(400, "bad-request", "the request did not come whole"))


async def _on_bug(request: Request | WebSocket, error: Exception) -> Response:
    """Nothing of a bug goes out but the id under which the log has it whole."""
    problem = plain_problem(500, "internal", "something went wrong here; the server's log has more under the error id")
    log.error("unexpected error", error_id=problem.error_id, path=request.url.path, exc_info=error)
    return problem_response(problem, security_headers())


def _fields(found: Sequence[Mapping[str, object]]) -> list[FieldProblem]:
    fields = []
    for item in found[:_MOST_ERRORS]:
        place = item.get("loc")
        parts = [str(part) for part in place] if isinstance(place, tuple | list) else []
        text = str(item.get("msg", "not valid")).removeprefix("Value error, ")
        fields.append(FieldProblem(field=".".join(parts)[:_LONGEST_TEXT], detail=redact_text(text)[:_LONGEST_TEXT]))
    return fields
