"""Health and metrics over plain HTTP on their own port: they carry no content and need no identity.

`/livez` answers while the process works, `/readyz` only while it can serve, `/metrics` in Prometheus's text format.
"""

from collections.abc import Callable, Mapping

from aiohttp import web

from staithe.kernel.telemetry import Metrics

ReadyCheck = Callable[[], bool]


class Health:
    """What a service knows of itself. Checks are cheap and never block."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._checks: dict[str, ReadyCheck] = {}

    def add(self, name: str, check: ReadyCheck) -> None:
        """Ready only when `check` says so, too."""
        self._checks[name] = check

    def states(self) -> Mapping[str, bool]:
        """Each check's answer now."""
        return {name: check() for name, check in self._checks.items()}

    def application(self) -> web.Application:
        """The three routes as an aiohttp application."""
        application = web.Application(client_max_size=1024)
        application.add_routes(self.routes())
        return application

    def routes(self) -> list[web.RouteDef]:
        """The three routes, for a service that serves them beside its own."""
        return [
            web.get("/livez", self._livez),
            web.get("/readyz", self._readyz),
            web.get("/metrics", self._metrics_page),
        ]

    async def _livez(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "live"})

    async def _readyz(self, _: web.Request) -> web.Response:
        states = self.states()
        ready = all(states.values())
        body = {"status": "ready" if ready else "waiting", "checks": states}
        return web.json_response(body, status=200 if ready else 503)

    async def _metrics_page(self, _: web.Request) -> web.Response:
        return web.Response(body=self._metrics.exposition(), headers={"Content-Type": "text/plain; version=0.0.4"})


async def serve_health(health: Health, host: str, port: int) -> web.AppRunner:
    """Serve `health` on `host:port`; the caller cleans the returned runner up."""
    runner = web.AppRunner(health.application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner
