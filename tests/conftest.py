"""One real stack for a whole test session, started and stopped as a user does it: by the `staithe` command.

A test that takes `live` runs on Milvus Lite; a module that says `MILVUS_KINDS = ("lite", "server")` runs on both.
Only one stack runs at a time: pytest orders tests by the parameter of a session fixture.
"""

import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # with import-mode=importlib nothing else makes `support` importable

from support.checker import Checker
from support.identity import Keycloak
from support.live import LiveStack

from staithe.kernel.errors import ConfigurationError
from staithe.stack.milvus_enclosure import require_namespaces


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "live" in metafunc.fixturenames:
        kinds = getattr(metafunc.module, "MILVUS_KINDS", ("lite",))
        metafunc.parametrize("live", kinds, indirect=True, scope="session")


@pytest.fixture(scope="session")
def live(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """A running stack. When its last test is over it must stop cleanly and leave nothing running."""
    if request.param == "server":
        try:
            require_namespaces()
        except ConfigurationError as error:
            pytest.skip(f"Milvus server needs network namespaces: {error.message}")
    stack = LiveStack(request.param, tmp_path_factory.mktemp(f"live-{request.param}") / "stack")
    try:
        stack.start()
        yield stack
        family = stack.family()
        code = stack.stop()
    finally:
        stack.kill()
    assert code == 0, f"`staithe up` ended with {code} after SIGTERM\n{stack.log_tails()}"
    assert [process for process in family if process.is_running()] == []
    assert not stack.paths.state.exists()


@pytest.fixture(scope="session")
def checker(live: LiveStack) -> Iterator[Checker]:
    """Counts by id, from the topics, Milvus and the audit log alone."""
    checker = Checker(live)
    yield checker
    checker.close()


@pytest.fixture(scope="session")
def keycloak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keycloak]:
    """A real Keycloak with the realm of deploy/keycloak, on ports of its own."""
    made = Keycloak(tmp_path_factory.mktemp("identity") / "home")
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    stack = getattr(item, "funcargs", {}).get("live")
    if report.failed and isinstance(stack, LiveStack):
        report.sections.append(("last lines of the stack's logs", stack.log_tails()))
    return report
