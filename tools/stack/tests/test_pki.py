"""The private certificate authority: exact extensions, renewal, and what it refuses."""

import datetime
import ipaddress
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from staithe.kernel.errors import ConfigurationError, Integrity
from staithe.stack.pki import LEAF_DAYS, Authority, Usage, ensure_authority, ensure_leaf

NOW = datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.UTC)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return ensure_authority(tmp_path, common_name="test authority", now=NOW)


def load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_authority_signs_only_leaves_and_only_for_loopback(authority: Authority) -> None:
    extensions = authority.certificate.extensions
    constraints = extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=0)
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.key_cert_sign, usage.crl_sign, usage.digital_signature) == (True, True, False)
    names = extensions.get_extension_for_class(x509.NameConstraints)
    assert names.critical
    assert names.value.permitted_subtrees == [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.IPv4Network("127.0.0.1/32")),
    ]


def test_leaf_names_exactly_localhost_and_lives_ninety_days(authority: Authority, tmp_path: Path) -> None:
    leaf = load(ensure_leaf(authority, tmp_path, "query", usage=Usage.SERVER, now=NOW).certificate)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.DNSName("localhost"), x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))]
    assert leaf.not_valid_after_utc == NOW + datetime.timedelta(days=LEAF_DAYS)
    assert leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_encipherment, usage.key_cert_sign) == (True, False, False)
    leaf.verify_directly_issued_by(authority.certificate)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (Usage.SERVER, {ExtendedKeyUsageOID.SERVER_AUTH}),
        (Usage.CLIENT, {ExtendedKeyUsageOID.CLIENT_AUTH}),
        (Usage.PEER, {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}),
    ],
)
def test_leaf_may_be_used_for_nothing_else(
    authority: Authority, tmp_path: Path, usage: Usage, expected: set[x509.ObjectIdentifier]
) -> None:
    leaf = load(ensure_leaf(authority, tmp_path, "peer", usage=usage, now=NOW).certificate)
    assert set(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == expected


def test_every_file_is_readable_by_its_owner_only(authority: Authority, tmp_path: Path) -> None:
    ensure_leaf(authority, tmp_path, "query", usage=Usage.SERVER, now=NOW)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ca.key", "ca.pem", "query.key", "query.pem"]


def test_current_certificates_are_kept(authority: Authority, tmp_path: Path) -> None:
    first = ensure_leaf(authority, tmp_path, "query", usage=Usage.SERVER, now=NOW).certificate.read_bytes()
    later = NOW + datetime.timedelta(days=59)
    again = ensure_authority(tmp_path, common_name="test authority", now=later)
    assert again.certificate == authority.certificate
    assert ensure_leaf(again, tmp_path, "query", usage=Usage.SERVER, now=later).certificate.read_bytes() == first


def test_leaf_is_reissued_in_its_last_thirty_days(authority: Authority, tmp_path: Path) -> None:
    first = load(ensure_leaf(authority, tmp_path, "query", usage=Usage.SERVER, now=NOW).certificate)
    later = NOW + datetime.timedelta(days=61)
    second = load(ensure_leaf(authority, tmp_path, "query", usage=Usage.SERVER, now=later).certificate)
    assert second.not_valid_after_utc == later + datetime.timedelta(days=LEAF_DAYS)
    assert second.public_key() != first.public_key()


def test_leaf_of_an_older_authority_is_reissued(authority: Authority, tmp_path: Path) -> None:
    ensure_leaf(authority, tmp_path, "query", usage=Usage.SERVER, now=NOW)
    later = NOW + datetime.timedelta(days=1825 - 100)
    renewed = ensure_authority(tmp_path, common_name="test authority", now=later)
    assert renewed.certificate != authority.certificate
    leaf = load(ensure_leaf(renewed, tmp_path, "query", usage=Usage.SERVER, now=later).certificate)
    leaf.verify_directly_issued_by(renewed.certificate)


def test_leaf_with_another_usage_is_reissued(authority: Authority, tmp_path: Path) -> None:
    client = load(ensure_leaf(authority, tmp_path, "query", usage=Usage.CLIENT, now=NOW).certificate)
    server = load(ensure_leaf(authority, tmp_path, "query", usage=Usage.SERVER, now=NOW).certificate)
    assert client != server


def test_exposed_key_is_refused(authority: Authority, tmp_path: Path) -> None:
    authority.files.key.chmod(0o640)
    with pytest.raises(ConfigurationError, match="chmod 600") as refusal:
        ensure_authority(tmp_path, common_name="test authority", now=NOW)
    assert refusal.value.reason_code == "SECRET_EXPOSED"


def test_key_of_another_certificate_is_refused(authority: Authority, tmp_path: Path) -> None:
    leaf = ensure_leaf(authority, tmp_path, "query", usage=Usage.SERVER, now=NOW)
    authority.files.key.write_bytes(leaf.key.read_bytes())
    with pytest.raises(Integrity) as refusal:
        ensure_authority(tmp_path, common_name="test authority", now=NOW)
    assert refusal.value.reason_code == "CERTIFICATE_KEY_MISMATCH"


def test_half_an_authority_is_refused_and_named(authority: Authority, tmp_path: Path) -> None:
    authority.files.key.unlink()
    with pytest.raises(ConfigurationError, match=r"ca\.pem") as refusal:
        ensure_authority(tmp_path, common_name="test authority", now=NOW)
    assert refusal.value.reason_code == "CERTIFICATE_INCOMPLETE"


def test_garbage_in_place_of_a_certificate_is_refused(authority: Authority, tmp_path: Path) -> None:
    authority.files.certificate.write_bytes(b"not a certificate")
    with pytest.raises(ConfigurationError) as refusal:
        ensure_authority(tmp_path, common_name="test authority", now=NOW)
    assert refusal.value.reason_code == "CERTIFICATE_UNREADABLE"
