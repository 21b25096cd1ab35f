"""Keycloak 26.7.3 as one process on loopback: the real identity provider that integration tests sign in at.

Fetched and verified like the broker. Its settings are built in once (`kc.sh build` does the same) into a copy in the
cache, whose digest is kept beside it. TLS 1.3 only; the realm file is the one that docker-compose.yml mounts. Not
part of `staithe up`, which has the development issuer instead.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from staithe.kernel.errors import Integrity, Unavailable
from staithe.kernel.files import write_atomically, write_secret
from staithe.stack.artifacts import KEYCLOAK_LOCK, Fetch, Progress, ensure_tree, exclusive, load_lock, tree_digest
from staithe.stack.java import JavaProgram, java_environment, java_executable
from staithe.stack.layout import CachePaths, ensure_private_folder
from staithe.stack.limits import JAVA_STOP_TIMEOUT_S, KEYCLOAK_BUILD_TIMEOUT_S
from staithe.stack.pki import CertificateFiles
from staithe.stack.ports import HOST
from staithe.stack.probes import https_ready
from staithe.stack.processes import ProcessSpec

NAME: Final = "keycloak"
REALM: Final = "staithe"
HEAP_MB_MAX: Final = 384
"""It settles at 340 MB resident with one realm; more would only delay its collections."""
ADMIN: Final = "admin"
_VERSION_FOLDER: Final = "keycloak-26.7.3"
_BUILT_IN: Final = (
    "--db=dev-file", "--health-enabled=false", "--metrics-enabled=false", "--https-client-auth=request",
)  # fmt: skip
"""What `build` fixes; the same as in deploy/docker/keycloak/Dockerfile."""
_MAIN: Final = "io.quarkus.bootstrap.runner.QuarkusEntryPoint"
_OPENED: Final = tuple(
    f"--add-opens=java.base/java.{package}=ALL-UNNAMED"
    for package in ("util", "util.concurrent", "security", "lang")
)  # fmt: skip
_THREADS: Final = "io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory"
_FLAGS: Final = (
    *_OPENED, "--enable-native-access=ALL-UNNAMED", "-XX:MaxMetaspaceSize=256m", "-Duser.language=en",
    f"-Djava.util.concurrent.ForkJoinPool.common.threadFactory={_THREADS}",
)  # fmt: skip
"""As in the distribution's own bin/kc.sh, which is a shell script that leaves an orphan when it is killed."""


@dataclass(frozen=True)
class KeycloakSite:
    """One Keycloak: a folder of its own (mode 0700), a port on loopback, its certificate and who trusts it."""

    folder: Path
    port: int
    certificate: CertificateFiles
    authority: Path
    realm_file: Path
    console_url: str
    """Where the console is reached: its realm lets browsers go back there and nowhere else."""
    bound_subject: str = ""
    bound_authority: str = ""
    """Whose certificate signs the client `staithe-app-bound` in (RFC 8705), and whose authority's it must be."""

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def issuer_url(self) -> str:
        """What the realm's tokens name as their issuer."""
        return f"{self.url}/realms/{REALM}"


def load_program(cache: CachePaths, fetch: Fetch, on_progress: Progress) -> JavaProgram:
    """Keycloak, fetched and built where absent and verified now.

    Raises as `artifacts.ensure_tree` and `java_executable` do, Unavailable when the build fails.
    """
    lock = load_lock(KEYCLOAK_LOCK)
    pristine = ensure_tree(lock, cache, fetch, on_progress) / _VERSION_FOLDER
    built = cache.artifacts / lock.name / f"built-{lock.sha256[:16]}"
    with exclusive(cache.artifacts / lock.name):
        ensure_built(pristine, built, _augment)
    return _program(built, lock.sha256)


def ensure_built(pristine: Path, built: Path, build: Callable[[Path], None]) -> None:
    """A copy of `pristine` at `built` that `build` has worked on, made where absent, unchanged since.

    Raises Integrity (and removes it) when it has changed, and whatever `build` does.
    """
    digest = built.with_suffix(".sha256")
    if built.exists() and digest.exists():
        if tree_digest(built) == digest.read_text():
            return
        shutil.rmtree(built)
        raise Integrity(f"the files in {built} have changed; removed: start again", reason_code="ARTIFACT_MISMATCH")
    shutil.rmtree(built, ignore_errors=True)
    # In its place before the build, because the build writes down where it lies; good only once its digest is there.
    digest.unlink(missing_ok=True)
    shutil.copytree(pristine, built)
    build(built)
    write_atomically(digest, tree_digest(built).encode(), mode=0o600)


def prepare(site: KeycloakSite, program: JavaProgram, *, admin_password: str) -> None:
    """Make the process's home: the program by links, the realm to import, and the password of the first admin."""
    ensure_private_folder(site.folder)
    for name in ("lib", "providers", "conf", "themes", "version.txt"):
        link = site.folder / name
        if not link.is_symlink():
            link.symlink_to(_home_of(program) / name)
    for folder in (site.folder / "data", site.folder / "data" / "import", site.folder / "tmp"):
        ensure_private_folder(folder)
    shutil.copy(site.realm_file, site.folder / "data" / "import" / "realm.json")
    write_secret(site.folder / "admin_password", admin_password.encode())


def describe(site: KeycloakSite, program: JavaProgram) -> ProcessSpec:
    """The process, ready to spawn after `prepare`. It imports the realm at its first start only."""
    arguments = (
        "start", "--optimized", "--import-realm", f"--hostname={site.url}", "--http-enabled=false",
        f"--http-host={HOST}", f"--https-port={site.port}", "--https-protocols=TLSv1.3",
        f"--https-certificate-file={site.certificate.certificate}",
        f"--https-certificate-key-file={site.certificate.key}", "--cache=local",
        f"--truststore-paths={site.authority}",
    )  # fmt: skip
    flags = (*_FLAGS, f"-Dkc.home.dir={site.folder}", f"-Djboss.server.config.dir={site.folder / 'conf'}")
    bootstrap = {
        "KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN,
        "KC_BOOTSTRAP_ADMIN_PASSWORD": (site.folder / "admin_password").read_text(),
        "STAITHE_CONSOLE_URL": site.console_url,
        # Names as java.security writes them (RFC 2253), of the test's own authority.
        "STAITHE_BOUND_SUBJECT": site.bound_subject,
        "STAITHE_BOUND_AUTHORITY": site.bound_authority,
    }
    return ProcessSpec(
        name=NAME,
        argv=program.argv(*arguments, temporary=site.folder / "tmp", flags=flags),
        env={**java_environment(site.folder), **bootstrap},
        cwd=site.folder,
        log_path=site.folder / "keycloak.log",
        ready=https_ready(site.port, site.authority, f"/realms/{REALM}/.well-known/openid-configuration"),
        stop_timeout_s=JAVA_STOP_TIMEOUT_S,
    )


def _program(home: Path, lock_sha256: str) -> JavaProgram:
    launch = ("-cp", str(home / "lib" / "quarkus-run.jar"), _MAIN)
    return JavaProgram(NAME, java_executable(), HEAP_MB_MAX, launch, lock_sha256)


def _home_of(program: JavaProgram) -> Path:
    return Path(program.launch[1]).parent.parent


def _augment(built: Path) -> None:
    """Let the program fix its settings (Quarkus' augmentation), which rewrites files below lib/."""
    with tempfile.TemporaryDirectory(prefix=".build-", dir=built.parent) as temporary:
        flags = (*_FLAGS, f"-Dkc.home.dir={built}")
        done = subprocess.run(
            _program(built, "").argv("build", *_BUILT_IN, temporary=Path(temporary), flags=flags),
            env=java_environment(built), cwd=built, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=KEYCLOAK_BUILD_TIMEOUT_S, check=False,
        )  # fmt: skip
    if done.returncode != 0:
        words = (done.stdout + done.stderr)[-2000:].decode(errors="replace")
        raise Unavailable(f"Keycloak could not be built: {words}", reason_code="PROGRAM_NOT_BUILT")
