"""TLS 1.3 contexts, the only version spoken on any listener (RFC 8446)."""

import ssl
from pathlib import Path

from staithe.kernel.errors import ConfigurationError


def server_context(
    certificate_file: Path, private_key_file: Path, clients_ca_file: Path | None = None
) -> ssl.SSLContext:
    """A server's context; with `clients_ca_file` it takes only clients with a certificate of that authority.

    Raises ConfigurationError when a file cannot be loaded.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    _load_identity(context, certificate_file, private_key_file)
    if clients_ca_file is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(cafile=str(clients_ca_file))
        except (OSError, ssl.SSLError) as error:
            raise _no_authority(clients_ca_file) from error
    return context


def client_context(
    ca_file: Path, certificate_file: Path | None = None, private_key_file: Path | None = None
) -> ssl.SSLContext:
    """A client's context that trusts only the authority in `ca_file`, with a certificate of its own where one is given.

    Raises ConfigurationError when a file cannot be loaded.
    """
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise _no_authority(ca_file) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    if certificate_file is not None and private_key_file is not None:
        _load_identity(context, certificate_file, private_key_file)
    return context


def _load_identity(context: ssl.SSLContext, certificate_file: Path, private_key_file: Path) -> None:
    try:
        context.load_cert_chain(certificate_file, private_key_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"cannot load {certificate_file} and {private_key_file} as certificate and key", reason_code="TLS_FILES"
        ) from error


def _no_authority(ca_file: Path) -> ConfigurationError:
    return ConfigurationError(f"cannot load the authority's certificate {ca_file}", reason_code="TLS_FILES")
