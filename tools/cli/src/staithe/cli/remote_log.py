"""A log behind an address: the audit service's pages, or any other server of C2SP tlog-tiles."""

from pathlib import Path
from typing import Final

import httpx2

from staithe.audit.files import LogFiles
from staithe.audit.reader import ReadableFiles
from staithe.kernel.errors import AccessDenied, ConfigurationError, Integrity, Unavailable
from staithe.kernel.tls import client_context

TIMEOUT_SECONDS: Final = 10.0


class RemoteLog:
    """The files of a log as `LogReader` reads them, over HTTPS with a client certificate where one is given."""

    def __init__(self, url: str, ca_file: Path, certificate_file: Path | None, private_key_file: Path | None) -> None:
        """Raises ConfigurationError when a file cannot be loaded."""
        self._client = httpx2.Client(
            base_url=url.rstrip("/"), verify=client_context(ca_file, certificate_file, private_key_file),
            timeout=TIMEOUT_SECONDS, trust_env=False,
        )  # fmt: skip

    def read(self, path: str, bytes_max: int) -> bytes | None:
        """The content of a file, None when there is none.

        Raises Integrity when it is larger than it can be, Unavailable when nobody answers, AccessDenied when the
        certificate has no right to read it.
        """
        content = bytearray()
        try:
            with self._client.stream("GET", f"/{path}") as response:
                if response.status_code == 404:
                    return None
                if response.status_code in {401, 403}:
                    raise AccessDenied("the log's server refuses this certificate", reason_code="LOG_REFUSED")
                if not response.is_success:
                    raise Unavailable("the log's server cannot answer now", reason_code="LOG_UNREACHABLE")
                for part in response.iter_bytes():
                    content += part
                    if len(content) > bytes_max:
                        raise Integrity(f"{path} is larger than it can be", reason_code="LOG_FILE_ODD")
        except httpx2.HTTPError as error:
            raise Unavailable("the log's server does not answer", reason_code="LOG_UNREACHABLE") from error
        return bytes(content)

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()


def open_log(log: str, ca: Path | None, certificate: Path | None, private_key: Path | None) -> ReadableFiles:
    """The log at a folder or an https:// address; raises ConfigurationError when what an address needs is missing."""
    if not log.startswith("https://"):
        return LogFiles(Path(log))
    if ca is None:
        raise ConfigurationError("an address needs --ca, the authority of its certificate", reason_code="USAGE")
    return RemoteLog(log, ca, certificate, private_key)
