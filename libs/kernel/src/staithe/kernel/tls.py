"""TLS 1.3 contexts, the only version spoken on any listener (RFC 8446)."""

import ssl
from pathlib import Path

from staithe.kernel.errors import ConfigurationError


def server_context(certificate_file: Path, private_key_file: Path) -> ssl.SSLContext:
    """A server's context; raises ConfigurationError when certificate or key cannot be loaded."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_cert_chain(certificate_file, private_key_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"cannot load {certificate_file} and {private_key_file} as certificate and key", reason_code="TLS_FILES"
        ) from error
    return context


def client_context(ca_file: Path) -> ssl.SSLContext:
    """A client's context that trusts only the authority in `ca_file`; raises ConfigurationError when it cannot load."""
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"cannot load the authority's certificate {ca_file}", reason_code="TLS_FILES"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context
