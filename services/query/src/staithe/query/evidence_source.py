"""Fetches evidence from the audit log's own interface: HTTPS, with this service's client certificate."""

from pathlib import Path
from typing import Final

import aiohttp

from staithe.kernel.errors import AccessDenied, Unavailable
from staithe.kernel.tls import client_context
from staithe.query.limits import EVIDENCE_BYTES_MAX, EVIDENCE_FETCH_SECONDS_MAX
from staithe.query.ports import INCOMPLETE


class AuditLogPages:
    """The evidence pages of the audit service."""

    def __init__(self, url: str, ca_file: Path, certificate_file: Path, private_key_file: Path) -> None:
        """Raises ConfigurationError when a file cannot be loaded."""
        self._url: Final = url.rstrip("/")
        self._tls = client_context(ca_file, certificate_file, private_key_file)

    async def fetch(self, answer_id: str) -> bytes | None:
        """The bundle's document, None when the log does not know the answer.

        Raises Unavailable when the log cannot be reached or, as INCOMPLETE, lacks a step; AccessDenied when it refuses.
        """
        timeout = aiohttp.ClientTimeout(total=EVIDENCE_FETCH_SECONDS_MAX)
        try:
            connector = aiohttp.TCPConnector(ssl=self._tls)
            async with (
                aiohttp.ClientSession(timeout=timeout, connector=connector) as session,
                session.get(f"{self._url}/evidence/{answer_id}", allow_redirects=False) as response,
            ):
                return await _document(response)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable("the audit log cannot be reached", reason_code="AUDIT_UNREACHABLE") from error


async def _document(response: aiohttp.ClientResponse) -> bytes | None:
    if response.status == 404:
        return None
    if response.status == 409:
        raise Unavailable("the log lacks a step of a cited version", reason_code=INCOMPLETE)
    if response.status in {401, 403}:
        raise AccessDenied("the audit log refuses this service", reason_code="AUDIT_REFUSED")
    if response.status != 200:
        raise Unavailable("the audit log cannot answer now", reason_code="AUDIT_UNREACHABLE")
    document = await response.content.read(EVIDENCE_BYTES_MAX)
    if not response.content.at_eof():
        raise Unavailable("the audit log sent more than any evidence", reason_code="AUDIT_UNREACHABLE")
    return document
