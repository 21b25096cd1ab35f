"""TLS 1.3 contexts, the only version spoken on any listener (RFC 8446), that follow their files.

Certificates have short lives: whoever issues them replaces the files, and the next handshake uses the new ones. Open
connections stay as they are. Files that do not fit together, because only one is new yet, change nothing until they do.
"""

import contextlib
import ssl
from pathlib import Path
from typing import Any

from staithe.kernel.errors import ConfigurationError


def server_context(
    certificate_file: Path, private_key_file: Path, clients_ca_file: Path | None = None, *, strangers: bool = False
) -> ssl.SSLContext:
    """A server's context; with `clients_ca_file` it takes only clients with a certificate of that authority, and with
    `strangers` also those without any. A certificate of another authority is refused in either case.

    Raises ConfigurationError when a file cannot be loaded.
    """
    following = _Following(ssl.PROTOCOL_TLS_SERVER)
    following.strangers = strangers
    return following.of(clients_ca_file, certificate_file, private_key_file)


def client_context(
    ca_file: Path, certificate_file: Path | None = None, private_key_file: Path | None = None
) -> ssl.SSLContext:
    """A client's context that trusts only the authority in `ca_file`, with a certificate of its own where one is given.

    Raises ConfigurationError when a file cannot be loaded.
    """
    return _Following(ssl.PROTOCOL_TLS_CLIENT).of(ca_file, certificate_file, private_key_file)


class _Following(ssl.SSLContext):
    """Leaves each handshake to a context made of the files as they are. A context in use is never changed: other
    threads may be reading it."""

    strangers = False

    def of(self, authority: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
        """Follow these files; raises ConfigurationError when they cannot be loaded now."""
        self._authority, self._certificate, self._key = authority, certificate, key
        self._newest, self._seen = self._made(), list[tuple[int, int]]()
        return self

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        return self._current().wrap_socket(*args, **options)

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        return self._current().wrap_bio(*args, **options)

    def _current(self) -> ssl.SSLContext:
        with contextlib.suppress(OSError, ConfigurationError):
            found = [path.stat() for path in (self._authority, self._certificate, self._key) if path is not None]
            seen = [(each.st_ino, each.st_mtime_ns) for each in found]
            if seen != self._seen:
                self._newest, self._seen = self._made(), seen
        return self._newest

    def _made(self) -> ssl.SSLContext:
        context = ssl.SSLContext(self.protocol)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        if self._certificate is not None and self._key is not None:
            _load(context.load_cert_chain, self._certificate, self._key)
        if self._authority is not None:
            context.verify_mode = ssl.CERT_OPTIONAL if self.strangers else ssl.CERT_REQUIRED
            context.verify_flags |= ssl.VERIFY_X509_STRICT  # Python's own default from 3.13 on
            _load(context.load_verify_locations, self._authority)
        return context


def _load(load: Any, *files: Path) -> None:
    try:
        load(*files)
    except (OSError, ssl.SSLError) as error:
        names = " and ".join(str(path) for path in files)
        raise ConfigurationError(
            f"cannot load {names} for TLS: is it PEM, and ours?", reason_code="TLS_FILES"
        ) from error
