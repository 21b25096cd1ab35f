"""A small client of the services' HTTPS APIs."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2

from staithe.cli.local import SCOPES, LocalStack, Who
from staithe.kernel.errors import AccessDenied, InvalidEvent, Unavailable
from staithe.kernel.tls import client_context

TIMEOUT_SECONDS = 30.0


class Api:
    """Calls a service as somebody, over TLS 1.3 with the stack's own authority."""

    def __init__(self, stack: LocalStack, service: str, who: Who, scopes: tuple[str, ...] = SCOPES) -> None:
        self._client = httpx2.Client(
            base_url=stack.url(service), verify=client_context(stack.paths.services_authority), timeout=TIMEOUT_SECONDS,
            headers={"Authorization": f"Bearer {stack.token(who, scopes=scopes)}"}, trust_env=False,
        )  # fmt: skip

    def call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """The JSON answer; raises Unavailable, AccessDenied or InvalidEvent with the problem's own words."""
        answer: dict[str, Any] = json.loads(self.send(method, path, **options))
        return answer

    def send(self, method: str, path: str, **options: Any) -> bytes:
        """The answer's very bytes, which the audit log has the digest of; raises as `call` does."""
        try:
            response = self._client.request(method, path, **options)
        except httpx2.HTTPError as error:
            raise Unavailable(
                "the service does not answer: is the stack up? `staithe status` tells", reason_code="SERVICE_DOWN"
            ) from error
        if response.is_success:
            return bytes(response.content)
        raise _problem(response.status_code, response.text)

    def stream(self, method: str, path: str, **options: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        """The events of a streamed answer as they arrive, name and JSON; raises as `call` does, in mid-stream too."""
        try:
            with self._client.sse(path, method=method, **options) as source:
                if not source.response.is_success:
                    source.response.read()
                    raise _problem(source.response.status_code, source.response.text)
                for each in source:
                    if each.event == "error":
                        raise _problem(0, each.data)
                    yield each.event, json.loads(each.data)
        except httpx2.HTTPError as error:
            raise Unavailable(
                "the answer broke off: is the stack up? `staithe status` tells", reason_code="SERVICE_DOWN"
            ) from error


def _problem(status: int, text: str) -> Unavailable | AccessDenied | InvalidEvent:
    """The failure that a problem document (RFC 9457) tells; `status` is 0 where only the document has one."""
    try:
        body = json.loads(text)
        detail, slug, status = str(body["detail"]), str(body["type"]).rpartition(":")[2], int(body["status"])
    except (ValueError, KeyError, TypeError):
        detail, slug = f"HTTP {status}", "unexpected-answer"
    code = slug.upper().replace("-", "_")
    if status in (401, 403):
        return AccessDenied(detail, reason_code=code)
    if status in (429, 503):
        return Unavailable(detail, reason_code=code)
    return InvalidEvent(detail, reason_code=code)
