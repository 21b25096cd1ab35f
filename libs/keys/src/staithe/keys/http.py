"""The key service's HTTPS interface: who asks is the common name of the client's certificate, and nothing else.

Every refusal is counted, and up to a limit per minute audited. An answer is never logged.
"""

import asyncio
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from staithe.kernel.errors import AccessDenied, StaitheError
from staithe.kernel.http import SAFE_HEADERS
from staithe.kernel.problems import Handler, Problem, problem_from
from staithe.kernel.telemetry import Logger, Metrics
from staithe.keys import wire
from staithe.keys.limits import REQUEST_BYTES_MAX
from staithe.keys.policy import NOTHING, Rights
from staithe.keys.stage import KeyRoom

NOBODY: Final = "nobody"
Body = TypeVar("Body", bound=BaseModel)
Result = TypeVar("Result")


class Trail(Protocol):
    """The audit log, as the key service writes it. Every method blocks; raises Unavailable."""

    def shredded(self, principal: str, version: wire.Version, outcome: wire.Shredded) -> None: ...
    def rotated(self, principal: str, tenant_id: str, outcome: wire.Rotated) -> None: ...
    def denied(self, principal: str, reason_code: str) -> None: ...


class KeyRoutes:
    """One route per right. All work is done on one thread, so that no two requests make the same secret."""

    def __init__(
        self, room: KeyRoom, rights: Mapping[str, Rights], trail: Trail, worker: ThreadPoolExecutor, *,
        metrics: Metrics, logger: Logger,
    ) -> None:  # fmt: skip
        self._room, self._rights, self._trail, self._worker, self._logger = room, rights, trail, worker, logger
        self._given = metrics.counter("keys_given_total", "Keys given out.", ("kind",))
        self._shredded = metrics.counter("secrets_destroyed_total", "Secrets destroyed by erasures.")
        self._denied = metrics.counter("denied_total", "Requests refused for lack of a right.")

    def application(self) -> web.Application:
        """The routes, guarded."""
        application = web.Application(middlewares=[self._guard], client_max_size=REQUEST_BYTES_MAX)
        application.add_routes(
            [
                web.post("/v1/public-keys", self.public_keys),
                web.post("/v1/private-keys", self.private_keys),
                web.post("/v1/term-keys", self.term_key),
                web.post("/v1/erasures", self.shred),
                web.post("/v1/tenants", self.ensure_tenant),
                web.post("/v1/rotations", self.rotate),
            ]
        )
        return application

    async def public_keys(self, request: web.Request) -> web.Response:
        """Keys to seal with, for a purpose that the caller seals."""
        wanted = await _body(request, wire.PublicKeysWanted)
        self._require(request, lambda rights: wanted.purpose in rights.seals)
        keys = await self._run(lambda: self._room.public_keys(wanted.purpose, wanted.versions))
        self._given.labels("public").inc(sum(each.refused is None for each in keys))
        return _answer(wire.PublicKeys(keys=tuple(keys)))

    async def private_keys(self, request: web.Request) -> web.Response:
        """Keys to open with, for a purpose that the caller opens."""
        wanted = await _body(request, wire.PrivateKeysWanted)
        self._require(request, lambda rights: wanted.purpose in rights.opens)
        keys = await self._run(lambda: self._room.private_keys(wanted.purpose, wanted.keys))
        self._given.labels("private").inc(sum(each.refused is None for each in keys))
        return _answer(wire.PrivateKeys(keys=tuple(keys)))

    async def term_key(self, request: web.Request) -> web.Response:
        """The key of a tenant's blind index."""
        wanted = await _body(request, wire.TermKeyWanted)
        self._require(request, lambda rights: rights.terms)
        key = await self._run(lambda: self._room.term_key(wanted.tenant_id))
        self._given.labels("term").inc(key.refused is None)
        return _answer(key)

    async def shred(self, request: web.Request) -> web.Response:
        """Destroy a document's secrets; answered once that and its audit event are durable."""
        wanted = await _body(request, wire.Version)
        principal = self._require(request, lambda rights: rights.shreds)
        outcome = await self._run(lambda: self._room.shred(wanted))
        await asyncio.to_thread(self._trail.shredded, principal, wanted, outcome)
        self._shredded.inc(outcome.secrets)
        return _answer(outcome)

    async def ensure_tenant(self, request: web.Request) -> web.Response:
        """Make a tenant's key unless it has one."""
        wanted = await _body(request, wire.TenantWanted)
        self._require(request, lambda rights: rights.administers)
        made = await self._run(lambda: self._room.ensure_tenants([wanted.tenant_id]))
        return _answer(wire.TenantMade(tenant_id=wanted.tenant_id, made=bool(made)))

    async def rotate(self, request: web.Request) -> web.Response:
        """Give a tenant a new key, wrap its secrets anew between other requests, and destroy the old key."""
        wanted = await _body(request, wire.TenantWanted)
        principal = self._require(request, lambda rights: rights.administers)
        await self._run(lambda: self._room.begin_rotation(wanted.tenant_id))
        outcome = await self.finish_rotation(wanted.tenant_id)
        await asyncio.to_thread(self._trail.rotated, principal, wanted.tenant_id, outcome)
        return _answer(outcome)

    async def finish_rotation(self, tenant_id: str) -> wire.Rotated:
        """Wrap what is left under older versions; also what a restart in the middle of a rotation calls."""
        secrets = 0
        while count := await self._run(lambda: self._room.rewrap_some(tenant_id)):
            secrets += count
        return await self._run(lambda: self._room.end_rotation(tenant_id, secrets))

    def _require(self, request: web.Request, permits: Callable[[Rights], bool]) -> str:
        principal = principal_of(request)
        if not permits(self._rights.get(principal, NOTHING)):
            raise AccessDenied("this principal has no such right", reason_code="KEY_RIGHT_MISSING")
        return principal

    async def _run(self, function: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._worker, function)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await self._guarded(request, handler)
        response.headers.update(SAFE_HEADERS)
        return response

    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        request_id = str(uuid.uuid4())
        try:
            return await handler(request)
        except Problem as problem:
            return problem.response(request_id)
        except web.HTTPException as error:
            return Problem(error.status, f"http-{error.status}", error.reason).response(request_id)
        except StaitheError as error:
            self._logger.warning("request_failed", request_id=request_id, reason_code=error.reason_code)
            if isinstance(error, AccessDenied):
                await self._note_denial(principal_of(request), error)
            return problem_from(error).response(request_id)
        except Exception as error:  # noqa: BLE001 - the edge: the class goes to the log, nothing to the caller
            self._logger.error("request_crashed", request_id=request_id, error_class=type(error).__name__)
            return Problem(500, "internal-error", "The request could not be served.").response(request_id)

    async def _note_denial(self, principal: str, error: AccessDenied) -> None:
        self._denied.inc()
        try:
            await asyncio.to_thread(self._trail.denied, principal, error.reason_code)
        except StaitheError as failure:
            # The refusal stands either way, and it gives nothing away.
            self._logger.warning("refusal_not_recorded", reason_code=failure.reason_code)


def principal_of(request: web.Request) -> str:
    """The common name of the certificate that the client has proved to own."""
    certificate: Mapping[str, Any] = (request.transport and request.transport.get_extra_info("peercert")) or {}
    names = [value for part in certificate.get("subject", ()) for name, value in part if name == "commonName"]
    return names[0] if len(names) == 1 else NOBODY


async def _body(request: web.Request, model: type[Body]) -> Body:
    try:
        return model.model_validate_json(await request.read())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "body"
        raise Problem(422, "body-invalid", f"{place}: {first['msg']}") from None


def _answer(model: BaseModel) -> web.Response:
    return web.Response(body=model.model_dump_json().encode(), content_type="application/json")
