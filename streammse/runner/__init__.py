"""Everything that flows: ``loop`` carries blocks from a source through a node into a sink."""

from __future__ import annotations

from .loop import Runner

__all__ = ["Runner"]
