"""Contexts follow their files: what the next handshake shows and believes."""

import ssl
from pathlib import Path

import pytest
from cryptography import x509

from staithe.kernel.tls import client_context, server_context
from staithe.stack.pki import Authority, CertificateFiles, Usage, ensure_authority, ensure_leaf


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return another_authority(tmp_path / "pki")


def another_authority(folder: Path) -> Authority:
    folder.mkdir()
    return ensure_authority(folder, common_name="test")


def leaf_of(authority: Authority, name: str, usage: Usage = Usage.SERVER, *, renew: bool = False) -> CertificateFiles:
    return ensure_leaf(authority, authority.files.certificate.parent, name, usage=usage, renew=renew)


def serial(files: CertificateFiles) -> int:
    return x509.load_pem_x509_certificate(files.certificate.read_bytes()).serial_number


class Link:
    """A client and a server in one process, joined by memory."""

    def __init__(self, client: ssl.SSLContext, server: ssl.SSLContext) -> None:
        to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = client.wrap_bio(to_client, to_server, server_hostname="localhost")
        self.server = server.wrap_bio(to_server, to_client, server_side=True)

    def shaken(self) -> "Link":
        """The handshake, whole; raises SSLError when either side refuses."""
        for _ in range(3):
            for side in (self.client, self.server):
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    continue
        self.client.do_handshake()
        self.server.do_handshake()
        return self

    def shown(self) -> int:
        """The serial number of the certificate that the client was shown."""
        return x509.load_der_x509_certificate(self.client.getpeercert(binary_form=True) or b"").serial_number


def test_next_handshake_shows_the_new_certificate_and_open_connections_stay(authority: Authority) -> None:
    files = leaf_of(authority, "api")
    client, server = client_context(authority.files.certificate), server_context(files.certificate, files.key)
    before, first = Link(client, server).shaken(), serial(files)
    assert before.shown() == first
    leaf_of(authority, "api", renew=True)
    assert Link(client, server).shaken().shown() == serial(files) != first
    before.server.write(b"still here")
    assert before.client.read(20) == b"still here"


@pytest.mark.parametrize("half", ["certificate", "key"])
def test_half_of_a_new_pair_changes_nothing_until_the_other_half_is_there(authority: Authority, half: str) -> None:
    files = leaf_of(authority, "api")
    client, server = client_context(authority.files.certificate), server_context(files.certificate, files.key)
    first, old = serial(files), {"certificate": files.certificate.read_bytes(), "key": files.key.read_bytes()}
    leaf_of(authority, "api", renew=True)
    other = files.key if half == "certificate" else files.certificate
    new = other.read_bytes()
    other.write_bytes(old["key" if half == "certificate" else "certificate"])
    assert Link(client, server).shaken().shown() == first
    other.write_bytes(new)
    assert Link(client, server).shaken().shown() == serial(files) != first


def test_files_that_are_gone_change_nothing(authority: Authority) -> None:
    files = leaf_of(authority, "api")
    client, server = client_context(authority.files.certificate), server_context(files.certificate, files.key)
    first = serial(files)
    files.certificate.unlink()
    assert Link(client, server).shaken().shown() == first


def test_client_shows_its_new_certificate_too(authority: Authority) -> None:
    files, mine = leaf_of(authority, "api"), leaf_of(authority, "embedding", Usage.CLIENT)
    ca = authority.files.certificate
    client, server = client_context(ca, mine.certificate, mine.key), server_context(files.certificate, files.key, ca)
    Link(client, server).shaken()
    leaf_of(authority, "embedding", Usage.CLIENT, renew=True)
    link = Link(client, server).shaken()
    shown = x509.load_der_x509_certificate(link.server.getpeercert(binary_form=True) or b"")
    assert shown.serial_number == serial(mine)


def test_new_authority_is_believed_from_the_next_handshake_on_and_the_old_one_no_more(
    authority: Authority, tmp_path: Path
) -> None:
    other = another_authority(tmp_path / "other")
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(authority.files.certificate.read_bytes())
    old, new = leaf_of(authority, "api"), leaf_of(other, "api")
    client = client_context(trusted)
    Link(client, server_context(old.certificate, old.key)).shaken()
    with pytest.raises(ssl.SSLCertVerificationError):
        Link(client, server_context(new.certificate, new.key)).shaken()
    trusted.write_bytes(trusted.read_bytes() + other.files.certificate.read_bytes())
    for each in (old, new):
        Link(client, server_context(each.certificate, each.key)).shaken()
    trusted.write_bytes(other.files.certificate.read_bytes())
    with pytest.raises(ssl.SSLCertVerificationError):
        Link(client, server_context(old.certificate, old.key)).shaken()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2])
def test_older_versions_are_refused_by_both_sides(authority: Authority, version: ssl.TLSVersion) -> None:
    files = leaf_of(authority, "api")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.certificate, files.key)
    client = ssl.create_default_context(cafile=str(authority.files.certificate))
    client.maximum_version = server.maximum_version = version
    with pytest.raises(ssl.SSLError):
        Link(client, server_context(files.certificate, files.key)).shaken()
    with pytest.raises(ssl.SSLError):
        Link(client_context(authority.files.certificate), server).shaken()


def test_server_refuses_a_client_without_a_certificate(authority: Authority) -> None:
    files, ca = leaf_of(authority, "api"), authority.files.certificate
    with pytest.raises(ssl.SSLError, match="did not return a certificate"):
        Link(client_context(ca), server_context(files.certificate, files.key, ca)).shaken()
