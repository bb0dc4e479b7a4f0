"""What became of every row: read = samples + dropped + dead + late + duplicates + left."""

from __future__ import annotations

from typing import Any

from .queue import Queue


def dead(source: Any) -> int:
    """How many dead letters a source has sent, in all its runs."""
    letters = getattr(source, "letters", None)
    return 0 if letters is None else int(letters.dead)


def counts(source: Any, queue: Queue, samples: int, earlier: int, dead_before: int) -> dict[str, int]:
    """The rows of a run by their fate.

    ``samples`` counts those of ``earlier`` runs as well, ``dead`` the letters since there were ``dead_before``.
    ``left`` is what was read and neither carried nor refused when the run was stopped or failed: rows that wait for the
    watermark, and what the node or the sink failed at. At a good end it is 0.
    """
    late, duplicates, held = (getattr(source, name, 0) for name in ("late", "duplicates", "held"))
    fates = {
        "samples": samples,
        "dropped": queue.dropped,
        "dead": dead(source) - dead_before,
        "late": late,
        "duplicates": duplicates,
        "left": held + queue.taken - (samples - earlier),
    }
    return {"read": sum(fates.values()), **fates}
