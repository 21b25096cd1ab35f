"""Development tokens: they pass the verifier of a real installation, and the key that signs them stays secret."""

from pathlib import Path

import pytest
from joserfc.jwk import KeySet

from staithe.kernel.errors import ConfigurationError
from staithe.kernel.identity.verify import TokenVerifier
from staithe.kernel.vocabulary import TenantId, Tier
from staithe.stack.issuing import LIFETIME_SECONDS_MAX, DevelopmentIssuer, TokenRequest

ISSUER, AUDIENCE, NOW_MS = "https://issuer.example", "query", 1_790_000_000_000


class FakeClock:
    def now_ms(self) -> int:
        return NOW_MS

    def monotonic(self) -> float:
        return 0.0


class FakeKeys:
    """The issuer's published keys."""

    def __init__(self, keys: KeySet) -> None:
        self._keys = keys

    async def keys(self, *, fresh: bool) -> KeySet:
        assert not fresh, "these keys are always fresh"
        return self._keys


async def test_development_token_is_accepted_and_its_key_kept_secret(tmp_path: Path) -> None:
    made = DevelopmentIssuer.create(ISSUER + "/", tmp_path / "key")
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    loaded = DevelopmentIssuer.load(ISSUER, tmp_path / "key")
    assert loaded.public_keys() == made.public_keys()
    assert "d" not in made.public_keys()["keys"][0]
    request = TokenRequest(
        subject="bob",
        tenant_id=TenantId("harbour"),
        tier=Tier.OFFICE,
        groups=("hr",),
        scopes=("read",),
        audience=AUDIENCE,
    )
    keys = FakeKeys(KeySet.import_key_set(made.public_keys()))  # type: ignore[arg-type]
    verifier = TokenVerifier(issuer_url=ISSUER, audience=AUDIENCE, keys=keys, clock=FakeClock())
    caller = await verifier.verify(loaded.issue(request, now_ms=NOW_MS))
    assert (caller.subject, caller.tier, caller.scopes) == ("bob", Tier.OFFICE, {"read"})


@pytest.mark.parametrize("seconds", [0, -1, LIFETIME_SECONDS_MAX + 1])
def test_development_token_lives_a_working_day_at_most(tmp_path: Path, seconds: int) -> None:
    made = DevelopmentIssuer.create(ISSUER, tmp_path / "key")
    request = TokenRequest(
        subject="bob", tenant_id=TenantId("harbour"), tier=Tier.OFFICE, audience=AUDIENCE, lifetime_seconds=seconds
    )
    with pytest.raises(ConfigurationError) as refusal:
        made.issue(request, now_ms=NOW_MS)
    assert refusal.value.reason_code == "TOKEN_LIFETIME"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"{}", b"[]", b"null", b'{"kty":"EC"}', b'{"kty":"oct","k":"aa"}', b"\xff"]
)
def test_unusable_issuer_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError) as refusal:
        DevelopmentIssuer.load(ISSUER, path)
    assert refusal.value.reason_code == "ISSUER_KEY_MALFORMED"
