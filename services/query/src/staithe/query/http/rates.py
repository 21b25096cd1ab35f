"""How many requests a caller may send in a while: a token bucket each, told in every answer.

The header fields are those of draft-ietf-httpapi-ratelimit-headers (revision 10): `RateLimit-Policy` says the quota
and its window, `RateLimit` what is left and in how many seconds the whole quota is back. Every process counts alone.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from staithe.kernel.clock import Clock
from staithe.kernel.http import caller_of
from staithe.kernel.problems import Handler, Problem
from staithe.kernel.telemetry import Metrics
from staithe.query import limits
from staithe.query.http.guards import API_PREFIXES

POLICY: Final = "caller"
POLICY_HEADER: Final = "RateLimit-Policy"
LEFT_HEADER: Final = "RateLimit"
WINDOW_SECONDS: Final = 60


@dataclass(slots=True)
class _Bucket:
    tokens: float
    seen: float


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a caller has left: whole requests, and the seconds until the quota is whole or the next one is allowed."""

    admitted: bool
    left: int
    seconds_to_full: int
    seconds_to_next: int


class RateLimiter:
    """Buckets of `quota` requests that fill again within WINDOW_SECONDS. Not for several threads."""

    def __init__(self, quota: int, clock: Clock) -> None:
        self.quota, self._clock = quota, clock
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()

    def take(self, who: tuple[str, str]) -> Allowance:
        """One request of `who`; refused ones cost nothing."""
        now = self._clock.monotonic()
        bucket = self._buckets.pop(who, None) or _Bucket(self.quota, now)
        rate = self.quota / WINDOW_SECONDS
        bucket.tokens, bucket.seen = min(self.quota, bucket.tokens + (now - bucket.seen) * rate), now
        admitted = bucket.tokens >= 1
        bucket.tokens -= admitted
        # The one seen longest ago goes: its bucket is the fullest, so forgetting it gives away the least.
        self._buckets[who] = bucket
        if len(self._buckets) > limits.RATED_CALLERS_MAX:
            self._buckets.popitem(last=False)
        to_next = max(0.0, 1 - bucket.tokens) / rate
        to_full = (self.quota - bucket.tokens) / rate
        return Allowance(admitted, int(bucket.tokens), math.ceil(to_full), max(1, math.ceil(to_next)))


_ALLOWANCE: Final = web.RequestKey("allowance", Allowance)


def rate_guard(limiter: RateLimiter, metrics: Metrics) -> Middleware:
    """429 once a caller's quota is used up, with the time to wait."""
    refused = metrics.counter("rate_limited_requests_total", "Requests refused with 429 because the quota was used up.")

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith(API_PREFIXES):
            return await handler(request)
        caller = caller_of(request)
        allowance = request[_ALLOWANCE] = limiter.take((caller.tenant_id, caller.subject))
        if not allowance.admitted:
            refused.inc()
            raise Problem(
                429, "rate-limited", f"At most {limiter.quota} requests in {WINDOW_SECONDS} seconds; try again.",
                headers={"Retry-After": str(allowance.seconds_to_next)},
            )  # fmt: skip
        return await handler(request)

    return guard


def tell_rates(application: web.Application, limiter: RateLimiter) -> None:
    """Put the fields into every answer to a caller whose requests are counted, streams too."""

    async def tell(request: web.Request, response: web.StreamResponse) -> None:
        allowance = request.get(_ALLOWANCE)
        if allowance is not None:
            response.headers[POLICY_HEADER] = f'"{POLICY}";q={limiter.quota};w={WINDOW_SECONDS}'
            response.headers[LEFT_HEADER] = f'"{POLICY}";r={allowance.left};t={allowance.seconds_to_full}'

    application.on_response_prepare.append(tell)
