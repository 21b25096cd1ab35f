"""A small certificate authority for one machine: it makes the certificates of a local stack and nothing else.

Follows RFC 5280. Every certificate is ECDSA P-256 and names only `localhost` and 127.0.0.1. The authority is
limited to those names by a critical name constraint, so its key is worth nothing elsewhere, even where
somebody trusts it in a browser.
"""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from staithe.kernel.errors import ConfigurationError, Integrity
from staithe.kernel.files import read_secret, write_secret

AUTHORITY_DAYS: Final = 1825
"""Five years: longer than a local stack lives, so that clients rarely have to load a new root."""

AUTHORITY_RENEW_DAYS: Final = 120
"""More than a leaf's life: no leaf ever outlives the authority that signed it."""

LEAF_DAYS: Final = 90
"""Short enough that a stolen key expires by itself."""

LEAF_RENEW_DAYS: Final = 30
"""Renewed at a start with a month to spare, so a stack that runs for weeks does not expire under load."""

CLOCK_SKEW: Final = timedelta(hours=2)
"""Certificates are valid from a little before their making: clocks of virtual machines jump."""

_ORGANIZATION: Final = "Staithe local stack"
_LOOPBACK: Final = ipaddress.IPv4Address("127.0.0.1")


class Usage(StrEnum):
    """What a leaf may be used for. PEER is for a process that is both ends of the same listener."""

    SERVER = "server"
    CLIENT = "client"
    PEER = "peer"


_EXTENDED_USAGE: Final = {
    Usage.SERVER: [ExtendedKeyUsageOID.SERVER_AUTH],
    Usage.CLIENT: [ExtendedKeyUsageOID.CLIENT_AUTH],
    Usage.PEER: [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH],
}


@dataclass(frozen=True)
class CertificateFiles:
    """Where a certificate and its private key lie: PEM, mode 0600; the key is PKCS #8 without a password."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """A loaded authority; `files.certificate` is what clients trust."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    files: CertificateFiles


def ensure_authority(folder: Path, *, common_name: str, now: datetime | None = None) -> Authority:
    """The authority in `folder` (ca.pem, ca.key): made when absent, remade near its end.

    `folder` must exist. After a remake every leaf of the old authority is reissued by the next `ensure_leaf`.
    Raises ConfigurationError when a file is exposed or lacks its other half, Integrity when the two differ.
    """
    moment = now or datetime.now(UTC)
    files = CertificateFiles(folder / "ca.pem", folder / "ca.key")
    if _both_exist(files):
        certificate, key = _load(files)
        if certificate.not_valid_after_utc - moment > timedelta(days=AUTHORITY_RENEW_DAYS):
            return Authority(certificate, key, files)
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(common_name)
    builder = _builder(name, name, key, moment, AUTHORITY_DAYS)
    constraints = x509.NameConstraints(
        [x509.DNSName("localhost"), x509.IPAddress(ipaddress.IPv4Network(f"{_LOOPBACK}/32"))], None
    )
    certificate = (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(constraints, critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(files, certificate, key)
    return Authority(certificate, key, files)


def ensure_leaf(
    authority: Authority, folder: Path, name: str, *, usage: Usage, now: datetime | None = None, renew: bool = False
) -> CertificateFiles:
    """The leaf `<name>.pem` and `<name>.key` in `folder`, made when absent and reissued when it has under
    LEAF_RENEW_DAYS left, was signed by another authority, has another usage, or is to be renewed.

    Its subject common name is `name`; its alternative names are exactly localhost and 127.0.0.1.
    Raises ConfigurationError when a file is exposed or lacks its other half, Integrity when the two differ.
    """
    moment = now or datetime.now(UTC)
    files = CertificateFiles(folder / f"{name}.pem", folder / f"{name}.key")
    if not renew and _both_exist(files) and _is_current(_load(files)[0], authority, name, usage, moment):
        return files
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_name(name), authority.certificate.subject, key, moment, LEAF_DAYS)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(_LOOPBACK)])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    certificate = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(_EXTENDED_USAGE[usage]), critical=False)
        .add_extension(names, critical=False)
        .add_extension(issuer, critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    _write(files, certificate, key)
    return files


def _is_current(certificate: x509.Certificate, authority: Authority, name: str, usage: Usage, moment: datetime) -> bool:
    try:
        certificate.verify_directly_issued_by(authority.certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False
    extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    return (
        certificate.subject == _name(name)
        and set(extended) == set(_EXTENDED_USAGE[usage])
        and certificate.not_valid_after_utc - moment > timedelta(days=LEAF_RENEW_DAYS)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, moment: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - CLOCK_SKEW)
        .not_valid_after(moment + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    """TLS 1.3 leaves only sign handshakes; the authority only signs certificates and revocation lists."""
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _both_exist(files: CertificateFiles) -> bool:
    present = [path for path in (files.certificate, files.key) if path.exists()]
    if len(present) == 1:
        raise ConfigurationError(
            f"{present[0]} lies there without its other half; remove it and start again",
            reason_code="CERTIFICATE_INCOMPLETE",
        )
    return len(present) == 2


def _load(files: CertificateFiles) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        certificate = x509.load_pem_x509_certificate(read_secret(files.certificate))
        key = serialization.load_pem_private_key(read_secret(files.key), password=None)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            f"{files.certificate} or its key is not PEM; remove both and start again",
            reason_code="CERTIFICATE_UNREADABLE",
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise Integrity(
            f"{files.key} does not belong to {files.certificate}; remove both and start again",
            reason_code="CERTIFICATE_KEY_MISMATCH",
        )
    return certificate, key


def _write(files: CertificateFiles, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_secret(files.key, private)
    write_secret(files.certificate, certificate.public_bytes(serialization.Encoding.PEM))
