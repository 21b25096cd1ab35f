"""Tenants' keys in the transit engine of OpenBao or Vault: they never leave it.

One AES-256-GCM key `staithe-<tenant>` per tenant. The place of each secret goes along as associated data. We log in by
AppRole and again whenever the token has run out.
"""

import base64
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from staithe.kernel.errors import AccessDenied, Integrity, InvalidEvent, Unavailable
from staithe.kernel.files import read_password
from staithe.keys.backends import Wrapped
from staithe.keys.limits import BACKEND_SECONDS_MAX

if TYPE_CHECKING:
    import hvac

_PREFIX: Final = "staithe-"
_KEY_TYPE: Final = "aes256-gcm96"
Result = TypeVar("Result")


class TransitTenantKeys:
    """A client of one mount; it may do with the keys `staithe-*` what deploy/openbao/keys.hcl lists, nothing else."""

    def __init__(self, client: "hvac.Client", mount: str, login: Callable[["hvac.Client"], None]) -> None:
        self._client, self._mount, self._login = client, mount, login
        self._newest: dict[str, int] = {}

    @classmethod
    def from_files(
        cls, *, url: str, mount: str, ca_file: Path, role_id_file: Path, secret_id_file: Path
    ) -> "TransitTenantKeys":
        """A client that reads its AppRole credentials at each login, so that they can be changed under way."""

        def login(client: "hvac.Client") -> None:
            client.auth.approle.login(role_id=read_password(role_id_file), secret_id=read_password(secret_id_file))

        # Here and not above: importing it opens a socket, and importing does nothing.
        import hvac  # noqa: PLC0415

        client = hvac.Client(url=url, verify=str(ca_file), timeout=BACKEND_SECONDS_MAX, allow_redirects=False)
        return cls(client, mount, login)

    def known(self, tenant_id: str) -> bool:
        if tenant_id not in self._newest:
            try:
                self._newest[tenant_id] = self._read_newest(tenant_id)
            except InvalidEvent:
                return False
        return True

    def ensure(self, tenant_id: str) -> bool:
        if self.known(tenant_id):
            return False
        self._call(
            lambda transit: transit.create_key(
                _PREFIX + tenant_id, key_type=_KEY_TYPE, exportable=False, mount_point=self._mount
            )
        )
        self._newest[tenant_id] = 1
        return True

    def wrap(self, tenant_id: str, secrets: Sequence[tuple[bytes, bytes]]) -> list[Wrapped]:
        items = [{"plaintext": _text(secret), "associated_data": _text(place)} for secret, place in secrets]
        answer = self._call(
            lambda transit: transit.encrypt_data(_PREFIX + tenant_id, batch_input=items, mount_point=self._mount)
        )
        return [_wrapped(each["ciphertext"]) for each in _results(answer)]

    def unwrap(self, tenant_id: str, wrapped: Sequence[tuple[Wrapped, bytes]]) -> list[bytes]:
        items = [{"ciphertext": each.blob.decode(), "associated_data": _text(place)} for each, place in wrapped]
        answer = self._call(
            lambda transit: transit.decrypt_data(_PREFIX + tenant_id, batch_input=items, mount_point=self._mount)
        )
        return [base64.b64decode(each["plaintext"]) for each in _results(answer)]

    def rotate(self, tenant_id: str) -> int:
        self._call(lambda transit: transit.rotate_key(_PREFIX + tenant_id, mount_point=self._mount))
        self._newest[tenant_id] = self._read_newest(tenant_id)
        return self._newest[tenant_id]

    def newest(self, tenant_id: str) -> int:
        if tenant_id not in self._newest:
            self._newest[tenant_id] = self._read_newest(tenant_id)
        return self._newest[tenant_id]

    def destroy_before(self, tenant_id: str, tenant_key: int) -> None:
        """First forbid the use of older versions, then have OpenBao delete them."""
        name = _PREFIX + tenant_id
        versions = {"min_decryption_version": tenant_key, "min_encryption_version": tenant_key}
        # Past hvac's own method, which refuses two equal minima although the engine needs exactly these before a trim.
        self._call(lambda _: self._client.adapter.post(f"/v1/{self._mount}/keys/{name}/config", json=versions))
        self._call(lambda transit: transit.trim_key(name, min_version=tenant_key, mount_point=self._mount))

    def _read_newest(self, tenant_id: str) -> int:
        answer = self._call(lambda transit: transit.read_key(_PREFIX + tenant_id, mount_point=self._mount))
        return int(answer["data"]["latest_version"])

    def _call(self, function: Callable[[Any], Result]) -> Result:
        """What `function` returns of the transit engine, after a login where one is needed."""
        import hvac.exceptions  # noqa: PLC0415
        import requests  # noqa: PLC0415

        try:
            if not self._client.token:
                self._login(self._client)
            try:
                return function(self._client.secrets.transit)
            except hvac.exceptions.Forbidden:
                self._login(self._client)
                return function(self._client.secrets.transit)
        except hvac.exceptions.InvalidPath as error:
            raise InvalidEvent("the transit engine has no key for this tenant", reason_code="TENANT_UNKNOWN") from error
        except (hvac.exceptions.Forbidden, hvac.exceptions.Unauthorized) as error:
            raise AccessDenied(
                "the transit engine refuses us: compare its policy with deploy/openbao/keys.hcl",
                reason_code="TRANSIT_REFUSED",
            ) from error
        except hvac.exceptions.InvalidRequest as error:
            raise Integrity("the transit engine cannot open this here", reason_code="WRAP_BROKEN") from error
        except (hvac.exceptions.VaultError, requests.RequestException) as error:
            raise Unavailable("the transit engine does not answer", reason_code="TRANSIT_UNAVAILABLE") from error


def _results(answer: Any) -> list[dict[str, str]]:
    results: list[dict[str, str]] = answer["data"]["batch_results"]
    if any(each.get("error") for each in results):
        raise Integrity("the transit engine cannot open this here", reason_code="WRAP_BROKEN")
    return results


def _wrapped(ciphertext: str) -> Wrapped:
    """`vault:v<version>:<base64>`, kept as it is."""
    return Wrapped(int(ciphertext.split(":", 2)[1].removeprefix("v")), ciphertext.encode())


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
