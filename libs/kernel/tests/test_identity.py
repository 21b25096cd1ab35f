"""Bearer tokens: a valid one, and everything that is not."""

import asyncio
import base64
import hashlib
import json
import warnings
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey
from kernel_samples import NOW_MS, FakeClock, reason

from staithe.kernel.errors import AccessDenied, Unavailable
from staithe.kernel.identity.caller import caller_from_claims
from staithe.kernel.identity.verify import KEYS_SECONDS_MAX, KEYS_SECONDS_MIN, DiscoveredKeys, TokenVerifier
from staithe.kernel.limits import TOKEN_BYTES_MAX
from staithe.kernel.vocabulary import Access, Classification, Tier

ISSUER, AUDIENCE, NOW = "https://issuer.example", "query", NOW_MS // 1000
EC, RSA, ED = (
    ECKey.generate_key("P-256", {"kid": "ec"}),
    RSAKey.generate_key(2048, {"kid": "rsa"}),
    OKPKey.generate_key("Ed25519", {"kid": "ed"}),
)
STRANGER = ECKey.generate_key("P-256", {"kid": "ec"})
HEADER = {"alg": "ES256", "typ": "at+jwt", "kid": "ec"}
CLAIMS: dict[str, Any] = {
    "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": NOW + 60, "nbf": NOW, "iat": NOW, "tenant": "harbour",
    "tier": 2, "groups": ["hr"], "scope": "search read",
}  # fmt: skip


class FakeKeys:
    """The issuer's keys; counts how often fresh ones were asked for."""

    def __init__(self, *keys: Any) -> None:
        self.published, self.fresh = KeySet(list(keys or (EC, RSA, ED))), 0

    async def keys(self, *, fresh: bool) -> KeySet:
        self.fresh += fresh
        return self.published


def b64(content: Any) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def token(claims: dict[str, Any] | None = None, *, key: Any = EC, drop: str = "", **header: Any) -> str:
    whole = {**CLAIMS, **(claims or {})}
    whole.pop(drop, None)
    merged = {**HEADER, **header}
    given = {name: value for name, value in merged.items() if value is not None}
    with warnings.catch_warnings(category=SecurityWarning, action="ignore"):
        return jwt.encode(given, whole, key, [merged["alg"]])


async def verify(text: str, keys: FakeKeys | None = None) -> Any:
    return await TokenVerifier(
        issuer_url=ISSUER + "/", audience=AUDIENCE, keys=keys or FakeKeys(), clock=FakeClock()
    ).verify(text)


async def refused(text: str) -> str:
    with pytest.raises(AccessDenied) as refusal:
        await verify(text)
    assert "alice" not in str(refusal.value)
    return reason(refusal)


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")  # EdDSA has a newer name (RFC 9864)
@pytest.mark.parametrize(
    "text",
    [
        token(),
        token(typ="application/at+jwt"),
        token(typ="AT+JWT"),
        token(key=RSA, alg="RS256", kid="rsa"),
        token(key=ED, alg="EdDSA", kid="ed"),
        token({"aud": ["other", AUDIENCE]}),
        token({"exp": NOW - 29}),
        token({"nbf": NOW + 29}),
        token(drop="nbf"),
    ],
)
async def test_valid_token_names_its_caller(text: str) -> None:
    caller = await verify(text)
    assert (caller.subject, caller.tenant_id, caller.tier) == ("alice", "harbour", Tier.ANALYTICS)
    assert (caller.groups, caller.scopes) == ({"hr"}, {"search", "read"})


PEM = EC.as_pem(private=False)
SIGNED = token()
HEAD, BODY, SIGNATURE = SIGNED.split(".")
FORGED_KEY = STRANGER.as_dict(private=False)


def symmetric(secret: bytes, **header: Any) -> str:
    """A token under HS256 with whatever both sides know, made by hand because libraries refuse to."""
    import hmac  # noqa: PLC0415

    head = b64({**HEADER, "alg": "HS256", **header})
    return f"{head}.{BODY}.{b64(hmac.digest(secret, f'{head}.{BODY}'.encode(), hashlib.sha256))}"


HOSTILE = {
    "empty": "",
    "one part": "abc",
    "two parts": f"{HEAD}.{BODY}",
    "four parts": f"{SIGNED}.x",
    "five parts": "a.b.c.d.e",
    "encrypted": b64({"alg": "dir", "enc": "A256GCM"}) + "....",
    "alg none": f"{b64({'alg': 'none', 'typ': 'at+jwt'})}.{BODY}.",
    "alg NONE": f"{b64({'alg': 'NONE', 'typ': 'at+jwt'})}.{BODY}.",
    "alg missing": f"{b64({'typ': 'at+jwt'})}.{BODY}.{SIGNATURE}",
    "alg a number": f"{b64({'alg': 5})}.{BODY}.{SIGNATURE}",
    "alg a list": f"{b64({'alg': ['ES256']})}.{BODY}.{SIGNATURE}",
    "signature missing": f"{HEAD}.{BODY}.",
    "signature of zeros": f"{HEAD}.{BODY}.{b64(bytes(64))}",
    "signature cut": SIGNED[:-2],
    "claims swapped": f"{HEAD}.{b64({**CLAIMS, 'tier': 3})}.{SIGNATURE}",
    "HS256 with the public key": symmetric(PEM),
    "HS256 with the JWK": symmetric(json.dumps(EC.as_dict(private=False)).encode()),
    "HS256 with nothing": symmetric(b""),
    "HS256 by a library": token(key=OctKey.import_key("x" * 32), alg="HS256"),
    "EC key called RSA": f"{b64({**HEADER, 'alg': 'RS256'})}.{BODY}.{SIGNATURE}",
    "RSA key called EC": token(key=RSA, alg="RS256", kid="ec"),
    "EC key under RSA kid": token(kid="rsa"),
    "another key, same kid": token(key=STRANGER),
    "jwk in the header": token(key=STRANGER, jwk=FORGED_KEY),
    "jku in the header": token(key=STRANGER, jku="https://evil.example/keys"),
    "x5u in the header": token(key=STRANGER, x5u="https://evil.example/cert"),
    "kid unknown": token(key=STRANGER, kid="nobody"),
    "kid a path": token(key=STRANGER, kid="../../dev/null"),
    "kid a number": f"{b64({**HEADER, 'kid': 5})}.{BODY}.{SIGNATURE}",
    "crit unknown": f"{b64({**HEADER, 'crit': ['b64'], 'b64': False})}.{BODY}.{SIGNATURE}",
    "header a list": f"{b64([1])}.{BODY}.{SIGNATURE}",
    "header of 3,000 brackets": f"{b64(b'[' * 3000)}.{BODY}.{SIGNATURE}",
    "header not UTF-8": f"{b64(bytes([255, 254]))}.{BODY}.{SIGNATURE}",
    "not base64": "!.!.!",
    "not ASCII": "\u00e9.\u00e9.\u00e9",
    "half a surrogate": "\udcff.a.b",
    "claims a list": f"{HEAD}.{b64([1])}.{SIGNATURE}",
}


@pytest.mark.parametrize("case", HOSTILE)
async def test_forged_or_malformed_token_is_refused(case: str) -> None:
    assert await refused(HOSTILE[case]) == "TOKEN_INVALID"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x" * (9 * 1024), "TOKEN_TOO_LARGE"),
        (token({"pad": "x" * TOKEN_BYTES_MAX}), "TOKEN_TOO_LARGE"),
        (token(typ="JWT"), "TOKEN_TYPE"),
        (token(typ=None), "TOKEN_TYPE"),
        (token(typ="id+jwt"), "TOKEN_TYPE"),
        (token({"iss": "https://other.example"}), "TOKEN_ISSUER"),
        (token({"iss": ISSUER + "/"}), "TOKEN_ISSUER"),
        (token(drop="iss"), "TOKEN_ISSUER"),
        (token({"aud": "ingestion"}), "TOKEN_AUDIENCE"),
        (token({"aud": []}), "TOKEN_AUDIENCE"),
        (token({"aud": {AUDIENCE: 1}}), "TOKEN_AUDIENCE"),
        (token({"aud": "query2"}), "TOKEN_AUDIENCE"),
        (token(drop="aud"), "TOKEN_AUDIENCE"),
        (token({"exp": NOW - 31}), "TOKEN_EXPIRED"),
        (token({"exp": "9999999999"}), "TOKEN_EXPIRED"),
        (token({"exp": True}), "TOKEN_EXPIRED"),
        (token({"exp": float("inf")}), "TOKEN_EXPIRED"),
        (token({"exp": float("nan")}), "TOKEN_EXPIRED"),
        (token(drop="exp"), "TOKEN_EXPIRED"),
        (token({"nbf": NOW + 31}), "TOKEN_NOT_YET_VALID"),
        (token({"nbf": "now"}), "TOKEN_NOT_YET_VALID"),
        (token({"nbf": float("nan")}), "TOKEN_NOT_YET_VALID"),
        (token({"iat": NOW + 31}, drop="nbf"), "TOKEN_NOT_YET_VALID"),
    ],
)
async def test_token_for_another_place_or_time_is_refused(text: str, code: str) -> None:
    assert await refused(text) == code


@pytest.mark.parametrize(
    "claims",
    [
        {"tier": True}, {"tier": 0}, {"tier": 4}, {"tier": "3"}, {"tier": 2.0}, {"tier": None}, {"tier": [3]},
        {"tenant": None}, {"tenant": ""}, {"tenant": "Harbour"}, {"tenant": ["harbour"]}, {"tenant": "*"},
        {"sub": ""}, {"sub": 5}, {"sub": "s" * 257}, {"groups": "hr"}, {"groups": [5]}, {"groups": {"hr": 1}},
        {"groups": ["a b"]}, {"groups": [f"g{n}" for n in range(33)]}, {"scope": ["search"]}, {"scope": None},
    ],
)  # fmt: skip
async def test_token_with_unusable_claims_is_refused(claims: dict[str, Any]) -> None:
    assert await refused(token(claims)) == "TOKEN_CLAIMS"


@pytest.mark.parametrize("missing", ["sub", "tenant", "tier"])
async def test_token_without_a_needed_claim_is_refused(missing: str) -> None:
    assert await refused(token(drop=missing)) == "TOKEN_CLAIMS"


def test_caller_sees_their_own_tenant_only() -> None:
    caller = caller_from_claims({name: CLAIMS[name] for name in ("sub", "tenant", "tier")})
    office = Access(Tier.OFFICE, (), Classification.PUBLIC)
    assert (caller.groups, caller.scopes) == (frozenset(), frozenset())
    assert caller.may_see("harbour", office)
    assert not caller.may_see("millrace", office)
    assert not caller.may_see("harbour", Access(Tier.ENGINEERING, (), Classification.PUBLIC))
    assert not caller.may_see("harbour", Access(Tier.OFFICE, ("hr",), Classification.PUBLIC))


async def test_unknown_key_asks_once_more_before_refusing() -> None:
    keys = FakeKeys(RSA)
    with pytest.raises(AccessDenied):
        await verify(token(), keys)
    assert keys.fresh == 1
    await verify(token(), FakeKeys(EC))


# Possession

CERTIFICATE = b"a certificate in DER"
THUMBPRINT = b64(hashlib.sha256(CERTIFICATE).digest())


async def verify_with(text: str, certificate: bytes | None, demand: Any = lambda _: None) -> Any:
    verifier = TokenVerifier(issuer_url=ISSUER, audience=AUDIENCE, keys=FakeKeys(), clock=FakeClock(), demand=demand)
    return await verifier.verify(text, certificate)


async def test_bound_token_is_good_with_its_certificate_and_an_unbound_one_with_any() -> None:
    bound = token({"cnf": {"x5t#S256": THUMBPRINT}})
    assert (await verify_with(bound, CERTIFICATE)).subject == "alice"
    assert (await verify_with(token(), CERTIFICATE)).subject == "alice"
    assert (await verify_with(token(), None)).subject == "alice"


@pytest.mark.parametrize(
    ("confirmation", "certificate"),
    [
        ({"x5t#S256": THUMBPRINT}, None), ({"x5t#S256": THUMBPRINT}, b"another certificate"),
        ({"x5t#S256": THUMBPRINT}, b""), ({"x5t#S256": b64(hashlib.sha256(b"").digest())}, None),
        ({"x5t#S256": ""}, None), ({"x5t#S256": ""}, CERTIFICATE), ({"x5t#S256": None}, None), ({}, CERTIFICATE),
        (None, None), (None, CERTIFICATE), (THUMBPRINT, CERTIFICATE), ([], CERTIFICATE), (False, CERTIFICATE),
        ({"jkt": THUMBPRINT}, CERTIFICATE), ({"x5t": THUMBPRINT}, CERTIFICATE),
        ({"x5t#S256": THUMBPRINT, "jkt": "of another way"}, CERTIFICATE), ({"x5t#S256": [THUMBPRINT]}, CERTIFICATE),
        ({"x5t#S256": THUMBPRINT + "="}, CERTIFICATE), ({"x5t#S256": THUMBPRINT.lower()}, CERTIFICATE),
    ],
)  # fmt: skip
async def test_bound_token_without_its_certificate_is_refused(confirmation: Any, certificate: bytes | None) -> None:
    with pytest.raises(AccessDenied) as refusal:
        await verify_with(token({"cnf": confirmation}), certificate)
    assert reason(refusal) == "TOKEN_BOUND"


async def test_demand_sees_the_claims_of_tokens_that_are_valid_otherwise_and_of_no_others() -> None:
    seen: list[str] = []

    def demand(claims: Any) -> None:
        seen.append(claims["sub"])
        raise AccessDenied("not enough", reason_code="NOT_ENOUGH")

    for text, code in ((token(), "NOT_ENOUGH"), (token({"exp": NOW - 60}), "TOKEN_EXPIRED")):
        with pytest.raises(AccessDenied) as refusal:
            await verify_with(text, None, demand)
        assert reason(refusal) == code
    assert seen == ["alice"]


# Discovery


class FakeIssuer:
    """A real HTTP server with an issuer's two documents."""

    def __init__(self) -> None:
        self.keys: Any = KeySet([EC]).as_dict(private=False)
        self.fetches, self.status, self.issuer = 0, 200, ""
        application = web.Application()
        application.add_routes(
            [web.get("/.well-known/openid-configuration", self.discovery), web.get("/jwks", self.jwks)]
        )
        self.server = TestServer(application)

    @property
    def url(self) -> str:
        return str(self.server.make_url("")).rstrip("/")

    async def discovery(self, _: web.Request) -> web.Response:
        self.fetches += 1
        return web.json_response(
            {"issuer": self.issuer or self.url, "jwks_uri": f"{self.url}/jwks"}, status=self.status
        )

    async def jwks(self, _: web.Request) -> web.Response:
        return web.json_response(self.keys)


@pytest.fixture
async def issuer() -> Any:
    made = FakeIssuer()
    await made.server.start_server()
    yield made
    await made.server.close()


def discovered(issuer: FakeIssuer, clock: FakeClock) -> DiscoveredKeys:
    return DiscoveredKeys(issuer.url + "/", False, clock)  # type: ignore[arg-type]


async def test_keys_are_fetched_once_and_kept(issuer: FakeIssuer) -> None:
    source = discovered(issuer, clock := FakeClock())
    for _ in range(5):
        await source.keys(fresh=False)
        clock.seconds += 10
    assert issuer.fetches == 1


async def test_forged_key_ids_cannot_flood_the_issuer(issuer: FakeIssuer) -> None:
    source = discovered(issuer, clock := FakeClock())
    await asyncio.gather(*(source.keys(fresh=True) for _ in range(50)))
    assert issuer.fetches == 1
    clock.seconds += KEYS_SECONDS_MIN + 1
    await asyncio.gather(*(source.keys(fresh=True) for _ in range(50)))
    assert issuer.fetches == 2


async def test_forged_key_ids_cannot_flood_an_issuer_that_is_down(issuer: FakeIssuer) -> None:
    source = discovered(issuer, clock := FakeClock())
    await source.keys(fresh=False)
    issuer.status = 500
    clock.seconds += KEYS_SECONDS_MIN + 1
    with pytest.raises(Unavailable):
        await source.keys(fresh=True)
    for _ in range(20):
        await source.keys(fresh=True)
    assert issuer.fetches == 2


async def test_key_removed_at_the_issuer_is_refused_after_the_cache(issuer: FakeIssuer) -> None:
    source = discovered(issuer, clock := FakeClock())
    verifier = TokenVerifier(issuer_url=issuer.url, audience=AUDIENCE, keys=source, clock=clock)
    text = token({"iss": issuer.url, "exp": NOW + 10_000})
    await verifier.verify(text)
    issuer.keys = KeySet([RSA]).as_dict(private=False)
    await verifier.verify(text)
    clock.seconds += KEYS_SECONDS_MAX + 1
    with pytest.raises(AccessDenied):
        await verifier.verify(text)


@pytest.mark.parametrize(
    "keys", [[], {}, {"keys": 5}, {"keys": []}, {"keys": [{"kty": "EC"}]}, "x", {"keys": ["x" * 70_000]}]
)
async def test_unusable_keys_are_an_outage_and_no_refusal(issuer: FakeIssuer, keys: Any) -> None:
    issuer.keys = keys
    with pytest.raises(Unavailable) as refusal:
        await discovered(issuer, FakeClock()).keys(fresh=False)
    assert reason(refusal) == "ISSUER_UNAVAILABLE"


async def test_outage_passes_when_the_issuer_is_back(issuer: FakeIssuer) -> None:
    source = discovered(issuer, FakeClock())
    issuer.status = 503
    with pytest.raises(Unavailable):
        await source.keys(fresh=False)
    issuer.status = 200
    assert await source.keys(fresh=False)


async def test_discovery_of_another_issuer_is_refused(issuer: FakeIssuer) -> None:
    issuer.issuer = "https://evil.example"
    with pytest.raises(AccessDenied) as refusal:
        await discovered(issuer, FakeClock()).keys(fresh=False)
    assert reason(refusal) == "ISSUER_MISMATCH"
