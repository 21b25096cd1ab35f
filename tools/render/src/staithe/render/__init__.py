"""Deployment files rendered from topology.yaml: the same map gives the same bytes, every time."""

from staithe.render.compose import render_compose
from staithe.render.dockerfiles import render_dockerfiles
from staithe.render.files import render, stale, write
from staithe.render.k8s import render_k8s

__all__ = ["render", "render_compose", "render_dockerfiles", "render_k8s", "stale", "write"]
