"""The HTTP edge: no token no answer, problems without inner words, safe headers on everything."""

import json
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiohttp import ClientConnectionError, ClientSession, TCPConnector, web
from aiohttp.test_utils import TestClient, TestServer, unused_port
from kernel_samples import FakeLogger

from staithe.kernel.errors import (
    AccessDenied,
    ConfigurationError,
    Integrity,
    InvalidEvent,
    StaitheError,
    Unavailable,
)
from staithe.kernel.health import Health, serve_health
from staithe.kernel.http import SAFE_HEADERS, api_application, caller_of, require_scope, serve_https
from staithe.kernel.identity.caller import Caller
from staithe.kernel.identity.verify import TokenVerifier
from staithe.kernel.limits import HTTP_BODY_BYTES_MAX
from staithe.kernel.problems import Problem, problem_from
from staithe.kernel.telemetry import Metrics
from staithe.kernel.tls import client_context, server_context
from staithe.kernel.vocabulary import TenantId, Tier
from staithe.stack.pki import Usage, ensure_authority, ensure_leaf

CALLER = Caller("alice", TenantId("harbour"), Tier.OFFICE, frozenset(), frozenset({"read"}))
GOOD = {"Authorization": "Bearer good"}


class FakeVerifier(TokenVerifier):
    def __init__(self) -> None:
        pass

    async def verify(self, token: str, certificate: bytes | None = None) -> Caller:
        del certificate
        if token == "down":
            raise Unavailable("the token issuer's keys cannot be fetched", reason_code="ISSUER_UNAVAILABLE")
        if token != "good":
            raise AccessDenied("token has expired", reason_code="TOKEN_EXPIRED")
        return CALLER


FAILURES: dict[str, Exception] = {
    "crash": RuntimeError("secret content"),
    "denied": AccessDenied("secret place"),
    "integrity": Integrity("secret place"),
    "invalid": InvalidEvent("the document is empty", reason_code="DOCUMENT_EMPTY"),
    "unavailable": Unavailable("secret place"),
    "conflict": web.HTTPConflict(),
}


async def handle(request: web.Request) -> web.StreamResponse:
    name = request.match_info["name"]
    if name in FAILURES:
        raise FAILURES[name]
    if name == "write":
        require_scope(request, "write")
    if name == "stream":
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"streamed")
        return response
    if name == "framed":
        return web.Response(headers={"Content-Security-Policy": "default-src 'self'"})
    return web.json_response({"caller": caller_of(request).subject, "scope": require_scope(request, "read").subject})


async def echo(request: web.Request) -> web.Response:
    return web.json_response({"size": len(await request.read())})


@pytest.fixture
def logger() -> FakeLogger:
    return FakeLogger()


@pytest.fixture
async def client(logger: FakeLogger) -> AsyncIterator[TestClient[Any, Any]]:
    async def opened(_: web.Request) -> web.Response:
        return web.Response(text="open")

    api = api_application(verifier=FakeVerifier(), logger=logger, open_paths=("/open",))  # type: ignore[arg-type]
    api.add_routes([web.get("/do/{name}", handle), web.post("/echo", echo), web.get("/open", opened)])
    async with TestClient(TestServer(api)) as made:
        yield made


async def asked(
    client: TestClient[Any, Any], path: str, headers: dict[str, str] | None = None, method: str = "GET", **more: Any
) -> Any:
    response = await client.request(method, path, headers=GOOD if headers is None else headers, **more)
    for name, value in SAFE_HEADERS.items():
        assert response.headers[name] == value
    request_id = response.headers["X-Request-Id"]
    assert UUID(request_id)
    body = await response.text()
    assert "secret" not in body
    if response.status < 400:
        return response.status, body, response
    problem = json.loads(body)
    assert response.content_type == "application/problem+json"
    assert problem.keys() == {"type", "title", "status", "detail", "instance"}
    assert (problem["status"], problem["instance"]) == (response.status, f"urn:uuid:{request_id}")
    return response.status, problem["type"].removeprefix("urn:staithe:problem:"), response


async def test_valid_token_reaches_the_handler_with_its_caller(client: TestClient[Any, Any]) -> None:
    status, body, _ = await asked(client, "/do/x")
    assert (status, json.loads(body)) == (200, {"caller": "alice", "scope": "alice"})


@pytest.mark.parametrize("scheme", ["bearer good", "BEARER good", "Bearer  good"])
async def test_scheme_is_compared_as_http_does(client: TestClient[Any, Any], scheme: str) -> None:
    assert (await asked(client, "/do/x", {"Authorization": scheme}))[0] == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic good", "good", "Token good"])
@pytest.mark.parametrize("path", ["/do/x", "/nowhere", "/open/", "/OPEN"])
async def test_without_a_token_every_path_is_closed(client: TestClient[Any, Any], header: str, path: str) -> None:
    status, slug, response = await asked(client, path, {"Authorization": header} if header else {})
    assert (status, slug) == (401, "token-missing")
    assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_open_path_needs_no_token(client: TestClient[Any, Any]) -> None:
    assert (await asked(client, "/open", {}))[:2] == (200, "open")


async def test_bad_token_is_told_why(client: TestClient[Any, Any]) -> None:
    status, slug, response = await asked(client, "/do/x", {"Authorization": "Bearer bad"})
    assert (status, slug) == (401, "token-expired")
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


async def test_unreachable_issuer_is_an_outage_and_no_refusal(client: TestClient[Any, Any]) -> None:
    status, slug, response = await asked(client, "/do/x", {"Authorization": "Bearer down"})
    assert (status, slug, response.headers["Retry-After"]) == (503, "unavailable", "5")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("crash", (500, "internal-error")), ("denied", (403, "access-denied")), ("integrity", (500, "internal-error")),
        ("invalid", (422, "document-empty")), ("unavailable", (503, "unavailable")), ("conflict", (409, "http-409")),
        ("write", (403, "scope-missing")),
    ],
)  # fmt: skip
async def test_failure_inside_is_discreet_outside(
    client: TestClient[Any, Any], logger: FakeLogger, name: str, expected: tuple[int, str]
) -> None:
    assert (await asked(client, f"/do/{name}"))[:2] == expected
    assert "secret" not in repr(logger.lines)
    assert f"/do/{name}" not in repr(logger.lines)


async def test_crash_is_logged_by_class_and_route(client: TestClient[Any, Any], logger: FakeLogger) -> None:
    await asked(client, "/do/crash")
    ((level, event, given),) = logger.lines
    assert (level, event, given["error_class"], given["route"]) == (
        "error",
        "request_crashed",
        "RuntimeError",
        "/do/{name}",
    )


async def test_unknown_path_is_not_found(client: TestClient[Any, Any]) -> None:
    assert (await asked(client, "/nowhere"))[:2] == (404, "http-404")


async def test_wrong_method_says_which_are_right(client: TestClient[Any, Any]) -> None:
    status, slug, response = await asked(client, "/echo")
    assert (status, slug, response.headers["Allow"]) == (405, "http-405", "POST")


async def test_large_body_is_refused(client: TestClient[Any, Any]) -> None:
    assert (await asked(client, "/echo", method="POST", data=b"x" * 100))[0] == 200
    with pytest.warns(ResourceWarning):
        assert (await asked(client, "/echo", method="POST", data=b"x" * (HTTP_BODY_BYTES_MAX + 1)))[0] == 413


async def test_streamed_answer_passes(client: TestClient[Any, Any]) -> None:
    assert await (await client.get("/do/stream", headers=GOOD)).text() == "streamed"


async def test_handler_may_set_its_own_policy(client: TestClient[Any, Any]) -> None:
    response = await client.get("/do/framed", headers=GOOD)
    assert response.headers["Content-Security-Policy"] == "default-src 'self'"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidEvent("x", reason_code="DOCUMENT_TOO_LARGE"), 413),
        (InvalidEvent("x", reason_code="CONTENT_TYPE_UNSUPPORTED"), 415),
        (InvalidEvent("x"), 422),
        (AccessDenied("x"), 403),
        (Unavailable("x"), 503),
        (Integrity("x"), 500),
        (ConfigurationError("x"), 500),
    ],
)
def test_every_failure_has_a_status(error: StaitheError, status: int) -> None:
    assert problem_from(error).status == status


def test_unusual_status_has_a_title() -> None:
    assert b'"title": "Error"' in bytes(Problem(418, "x", "y").response("id").body or b"")


# Health and TLS


async def test_ready_only_when_every_check_says_so() -> None:
    health, states = Health(Metrics("test")), {"one": True, "two": False}
    health.add("one", lambda: states["one"])
    health.add("two", lambda: states["two"])
    async with TestClient(TestServer(health.application())) as made:
        assert (await made.get("/livez")).status == 200
        response = await made.get("/readyz")
        assert (response.status, await response.json()) == (503, {"status": "waiting", "checks": states})
        states["two"] = True
        assert (await made.get("/readyz")).status == 200
        assert "staithe_test_records" in await (await made.get("/metrics")).text()


async def test_health_is_served_on_its_own_port() -> None:
    port = unused_port()
    runner = await serve_health(Health(Metrics("test")), "127.0.0.1", port)
    try:
        async with ClientSession() as session, session.get(f"http://127.0.0.1:{port}/livez") as response:
            assert response.status == 200
    finally:
        await runner.cleanup()


async def test_api_speaks_tls_1_3_only(tmp_path: Path) -> None:
    authority = ensure_authority(tmp_path, common_name="test", now=datetime.now(UTC))
    leaf = ensure_leaf(authority, tmp_path, "api", usage=Usage.SERVER, now=datetime.now(UTC))
    api = api_application(verifier=FakeVerifier(), logger=FakeLogger(), open_paths=())  # type: ignore[arg-type]
    port = unused_port()
    runner = await serve_https(
        api, host="127.0.0.1", port=port, certificate_file=leaf.certificate, private_key_file=leaf.key
    )
    old = ssl.create_default_context(cafile=str(authority.files.certificate))
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2
    try:
        for context, works in (
            (client_context(authority.files.certificate), True),
            (old, False),
            (ssl.create_default_context(), False),
        ):
            async with ClientSession(connector=TCPConnector(ssl=context)) as session:
                try:
                    async with session.get(f"https://localhost:{port}/x") as response:
                        assert works
                        assert response.status == 401
                except OSError:
                    assert not works
    finally:
        await runner.cleanup()


async def test_connections_beyond_the_bound_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = ensure_authority(tmp_path, common_name="test", now=datetime.now(UTC))
    leaf = ensure_leaf(authority, tmp_path, "api", usage=Usage.SERVER, now=datetime.now(UTC))
    api = api_application(verifier=FakeVerifier(), logger=FakeLogger(), open_paths=())  # type: ignore[arg-type]
    monkeypatch.setattr("staithe.kernel.http.CONNECTIONS_MAX", 1)
    port = unused_port()
    runner = await serve_https(
        api, host="127.0.0.1", port=port, certificate_file=leaf.certificate, private_key_file=leaf.key
    )
    context, address = client_context(authority.files.certificate), f"https://localhost:{port}/x"
    try:
        async with ClientSession(connector=TCPConnector(ssl=context)) as first:
            async with first.get(address) as response:
                assert response.status == 401
            async with ClientSession(connector=TCPConnector(ssl=context)) as second:
                with pytest.raises(ClientConnectionError):
                    await second.get(address)
            async with first.get(address) as response:
                assert response.status == 401
    finally:
        await runner.cleanup()


def test_missing_or_odd_certificates_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("not a certificate")
    for path in (tmp_path / "missing.pem", tmp_path / "x.pem"):
        with pytest.raises(ConfigurationError):
            server_context(path, path)
        with pytest.raises(ConfigurationError):
            client_context(path)
