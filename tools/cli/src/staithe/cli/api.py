"""A small client of the services' HTTPS APIs."""

from typing import Any

import httpx2

from staithe.cli.local import LocalStack, Who
from staithe.kernel.errors import AccessDenied, InvalidEvent, Unavailable
from staithe.kernel.tls import client_context

TIMEOUT_SECONDS = 30.0


class Api:
    """Calls a service as somebody, over TLS 1.3 with the stack's own authority."""

    def __init__(self, stack: LocalStack, service: str, who: Who) -> None:
        self._client = httpx2.Client(
            base_url=stack.url(service), verify=client_context(stack.paths.services_authority), timeout=TIMEOUT_SECONDS,
            headers={"Authorization": f"Bearer {stack.token(who)}"}, trust_env=False,
        )  # fmt: skip

    def call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """The JSON answer; raises Unavailable, AccessDenied or InvalidEvent with the problem's own words."""
        try:
            response = self._client.request(method, path, **options)
        except httpx2.HTTPError as error:
            raise Unavailable(
                "the service does not answer: is the stack up? `staithe status` tells", reason_code="SERVICE_DOWN"
            ) from error
        if response.is_success:
            answer: dict[str, Any] = response.json()
            return answer
        raise _problem(response)


def _problem(response: httpx2.Response) -> Unavailable | AccessDenied | InvalidEvent:
    try:
        body = response.json()
        detail, slug = str(body["detail"]), str(body["type"]).rpartition(":")[2]
    except (ValueError, KeyError):
        detail, slug = f"HTTP {response.status_code}", "unexpected-answer"
    code = slug.upper().replace("-", "_")
    if response.status_code in (401, 403):
        return AccessDenied(detail, reason_code=code)
    if response.status_code in (429, 503):
        return Unavailable(detail, reason_code=code)
    return InvalidEvent(detail, reason_code=code)
