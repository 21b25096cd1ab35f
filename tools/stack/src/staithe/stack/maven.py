"""Fetches artifacts with jgo's pure-Python client, so neither Maven nor a repository's address is needed here."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from staithe.kernel.errors import ConfigurationError
from staithe.stack.artifacts import Artifact, Progress
from staithe.stack.limits import DOWNLOAD_ATTEMPTS_MAX, DOWNLOAD_BYTES_MAX, DOWNLOAD_TIMEOUT_S


def fetch(artifact: Artifact, target: Path, on_progress: Progress) -> None:
    """Download one artifact to `target`, unverified, in at most DOWNLOAD_ATTEMPTS_MAX attempts.

    Raises ConfigurationError when it cannot be had.
    """
    for attempt in range(1, DOWNLOAD_ATTEMPTS_MAX + 1):
        # A new folder for every attempt: jgo takes a half file of an earlier one for the whole.
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=target.parent) as folder:
            try:
                _download(artifact, Path(folder), on_progress).rename(target)
            except (OSError, RuntimeError) as error:
                if attempt == DOWNLOAD_ATTEMPTS_MAX:
                    raise ConfigurationError(
                        f"cannot fetch {artifact.filename}: connect to the internet for the first start, or copy "
                        f"{target.parent} from a machine where the stack has started",
                        reason_code="ARTIFACT_UNREACHABLE",
                    ) from error
            else:
                return


def _download(artifact: Artifact, folder: Path, on_progress: Progress) -> Path:
    from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415 - importing it opens a socket

    resolver = PythonResolver(progress_callback=_progress_adapter(on_progress))
    context = MavenContext(repo_cache=folder, local_repos=[], resolver=resolver, timeout=DOWNLOAD_TIMEOUT_S)
    component = context.project(artifact.group, artifact.name).at_version(artifact.version)
    return Path(component.artifact(artifact.classifier, artifact.extension).resolve())


def _progress_adapter(
    on_progress: Progress,
) -> Callable[[str, int], AbstractContextManager[Callable[[int], None]]]:
    @contextmanager
    def begin(name: str, bytes_total: int) -> Iterator[Callable[[int], None]]:
        bytes_done = 0

        def advance(count: int) -> None:
            nonlocal bytes_done
            bytes_done += count
            if bytes_done > DOWNLOAD_BYTES_MAX:
                raise OSError("the download is larger than any of our artifacts")
            on_progress(name, bytes_done, bytes_total)

        yield advance

    return begin
