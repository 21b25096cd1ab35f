"""Every port of a running stack, knocked at: loopback only, TLS 1.3 only, and who must show a certificate."""

import json
import os
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from support.live import LiveStack

from staithe.stack.pki import LEAF_DAYS, CertificateFiles, Usage, ensure_authority, ensure_leaf
from staithe.stack.ports import HOST

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

SERVICES, BROKER, KEYS, LOG = "pki_services", "pki_broker", "pki_keys", "pki_log"
AUTHORITY = {
    "kafka_client": SERVICES, "registry": SERVICES, "registry_management": SERVICES, "issuer": SERVICES,
    "ingestion": SERVICES, "query": SERVICES, "sanitization": SERVICES, "kafka_internal": BROKER,
    "kafka_controller": BROKER, "keys": KEYS, "audit": LOG,
}  # fmt: skip
CERTIFIED = ("kafka_internal", "kafka_controller", "keys", "audit")
"""Who connects here must show a certificate of the same authority."""
PLAIN = ("milvus",)
"""Without TLS on loopback: Milvus Lite speaks none. Health ports are plain too: counts, no content."""
KNOCK_SECONDS = 10.0
REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
SERVED = b"HTTP/1.1 2"
SSLYZE = os.environ.get("STAITHE_TEST_SSLYZE", "")


def listening(live: LiveStack) -> dict[int, set[str]]:
    """Port → addresses, of every process of the stack."""
    found: dict[int, set[str]] = {}
    for process in live.family():
        for each in process.net_connections("tcp"):
            if each.status == psutil.CONN_LISTEN:
                found.setdefault(each.laddr.port, set()).add(each.laddr.ip)
    return found


def test_nothing_listens_beside_the_declared_ports_or_beyond_this_machine(live: LiveStack) -> None:
    found = listening(live)
    named = {port: name for name, port in live.ports.named.items()}
    assert {port for port in found if port not in named} == set()
    assert set.union(*found.values()) <= {HOST, f"::ffff:{HOST}"}
    speaking = {named[port] for port in found if not named[port].endswith("_health")}
    assert speaking == {*AUTHORITY, *PLAIN}


def authority_of(live: LiveStack, name: str) -> Path:
    folder: Path = getattr(live.paths, AUTHORITY[name])
    return folder / "ca.pem"


def trusting(authority: Path) -> ssl.SSLContext:
    """A client without a certificate that speaks whatever version the other side wants."""
    context = ssl.create_default_context(cafile=str(authority))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def knock(live: LiveStack, name: str, context: ssl.SSLContext, host: str = HOST) -> ssl.SSLSocket:
    """A finished handshake with the port called `name`, which is asked to be `host`."""
    plain = socket.create_connection((HOST, live.ports.of(name)), timeout=KNOCK_SECONDS)
    try:
        return context.wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


@pytest.mark.parametrize("name", AUTHORITY)
def test_newest_tls_under_the_declared_authority_and_a_short_certificate(live: LiveStack, name: str) -> None:
    with closing(knock(live, name, trusting(authority_of(live, name)))) as connection:
        assert connection.version() == "TLSv1.3"
        certificate = x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc <= timedelta(days=LEAF_DAYS, hours=3)
    assert certificate.not_valid_before_utc < datetime.now(UTC) < certificate.not_valid_after_utc
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


@pytest.mark.parametrize("name", AUTHORITY)
def test_older_tls_is_refused(live: LiveStack, name: str) -> None:
    context = trusting(authority_of(live, name))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)):
        knock(live, name, context).close()


@pytest.mark.parametrize("name", AUTHORITY)
def test_another_authority_or_name_is_not_believed(live: LiveStack, name: str) -> None:
    foreign = next(each for each in AUTHORITY if AUTHORITY[each] != AUTHORITY[name])
    with pytest.raises(ssl.SSLCertVerificationError):
        knock(live, name, trusting(authority_of(live, foreign))).close()
    with pytest.raises(ssl.SSLCertVerificationError):
        knock(live, name, trusting(authority_of(live, name)), "staithe.example").close()


@pytest.mark.parametrize("name", AUTHORITY)
def test_plain_http_gets_no_answer(live: LiveStack, name: str) -> None:
    with closing(socket.create_connection((HOST, live.ports.of(name)), timeout=KNOCK_SECONDS)) as connection:
        connection.sendall(REQUEST)
        try:
            answer = connection.recv(len(SERVED))
        except (ConnectionError, TimeoutError):
            return
        assert answer != SERVED


def served(live: LiveStack, name: str, context: ssl.SSLContext) -> bytes:
    """The first byte that the port called `name` answers to a request. With TLS 1.3 a client that shows the wrong
    certificate, or none, hears of it only when it reads (RFC 8446, section 4.4.2.4): as an alert, or as the end."""
    try:
        with closing(knock(live, name, context)) as connection:
            connection.sendall(REQUEST)
            return connection.recv(1)
    except (ssl.SSLError, ConnectionError):
        return b""


@pytest.mark.parametrize("name", CERTIFIED)
def test_whoever_shows_no_certificate_is_not_served(live: LiveStack, name: str) -> None:
    assert served(live, name, trusting(authority_of(live, name))) == b""


@pytest.fixture(scope="module")
def foreign_leaf(live: LiveStack) -> Iterator[CertificateFiles]:
    """A client's certificate from the authority of the services, which none of CERTIFIED trusts."""
    folder = live.paths.pki_services
    authority = ensure_authority(folder, common_name="Staithe local services")
    leaf = ensure_leaf(authority, folder, "ports-intruder", usage=Usage.CLIENT)
    yield leaf
    leaf.certificate.unlink()
    leaf.key.unlink()


@pytest.mark.parametrize("name", CERTIFIED)
def test_certificate_of_another_authority_is_not_served(
    live: LiveStack, foreign_leaf: CertificateFiles, name: str
) -> None:
    context = trusting(authority_of(live, name))
    context.load_cert_chain(foreign_leaf.certificate, foreign_leaf.key)
    assert served(live, name, context) == b""


@pytest.mark.parametrize(("name", "client"), [("keys", "embedding"), ("audit", "query")])
def test_certificate_of_the_right_authority_is_served(live: LiveStack, name: str, client: str) -> None:
    """The control: it is the certificate that makes the difference."""
    context, folder = trusting(authority_of(live, name)), authority_of(live, name).parent
    context.load_cert_chain(folder / f"{client}.pem", folder / f"{client}.key")
    assert served(live, name, context) == b"H"


@pytest.mark.skipif(not SSLYZE, reason="`make test-security` names a Python with sslyze in STAITHE_TEST_SSLYZE")
@pytest.mark.parametrize(
    ("authority", "client"), [(SERVICES, ""), (BROKER, "broker"), (KEYS, "embedding"), (LOG, "query")]
)
def test_an_independent_scanner_finds_nothing(live: LiveStack, tmp_path: Path, authority: str, client: str) -> None:
    """sslyze over every port: no version before TLS 1.3, no known weakness, no compression, no renegotiation."""
    report, folder = tmp_path / "sslyze.json", getattr(live.paths, authority)
    targets = [f"{HOST}:{live.ports.of(name)}" for name in AUTHORITY if AUTHORITY[name] == authority]
    shown = ["--cert", str(folder / f"{client}.pem"), "--key", str(folder / f"{client}.key")] if client else []
    scan = subprocess.run(
        [SSLYZE, "-m", "sslyze", "--json_out", str(report), "--quiet", *shown, *targets], check=False, timeout=240,
        capture_output=True, text=True,
    )  # fmt: skip
    assert report.exists(), scan.stderr
    results = json.loads(report.read_text())["server_scan_results"]
    assert len(results) == len(targets)
    for each in results:
        assert each["scan_status"] == "COMPLETED", each["connectivity_error_trace"]
        assert weaknesses(each["scan_result"]) == [], each["server_location"]


OLD = ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1", "tls_1_2")
FLAWS = (
    ("heartbleed", "is_vulnerable_to_heartbleed"),
    ("openssl_ccs_injection", "is_vulnerable_to_ccs_injection"),
    ("tls_compression", "supports_compression"),
    ("session_renegotiation", "is_vulnerable_to_client_renegotiation_dos"),
    ("tls_1_3_early_data", "supports_early_data"),
)


def weaknesses(scan: dict[str, Any]) -> list[str]:
    """Every old version that is spoken and every flaw that the scanner saw, by name."""
    spoken = [name for name in OLD if result(scan, f"{name}_cipher_suites").get("accepted_cipher_suites")]
    newest = result(scan, "tls_1_3_cipher_suites").get("accepted_cipher_suites")
    return spoken + [flaw for name, flaw in FLAWS if result(scan, name).get(flaw)] + ([] if newest else ["no TLS 1.3"])


def result(scan: dict[str, Any], name: str) -> dict[str, Any]:
    """One part of the scan; one that could not be made has no result."""
    made: dict[str, Any] = scan[name]["result"] or {}
    return made
