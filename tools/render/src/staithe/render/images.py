"""Images of the parts that are not ours, pinned by tag.

Tags can move. Digests were not recorded because this file was written without access to an image registry: before
production, replace each tag by `tag@sha256:…` of the image that your own tests ran with.
"""

from typing import Final

VERSION: Final = "0.1.0"
"""Version of our own images; equal to the distributions'."""

KAFKA: Final = "apache/kafka:4.1.1"
REGISTRY: Final = "apicurio/apicurio-registry:3.3.3"
KEYCLOAK: Final = "keycloak/keycloak:26.7.3"
OPENBAO: Final = "openbao/openbao:2.7.2"
MILVUS: Final = "milvusdb/milvus:v2.6.11"
PROMETHEUS: Final = "prom/prometheus:v3.7.3"
GRAFANA: Final = "grafana/grafana:12.3.0"
PYTHON: Final = "python:3.12.12-slim-trixie"


def own(name: str) -> str:
    """The image of one of our services or tools."""
    return f"staithe/{name}:{VERSION}"
