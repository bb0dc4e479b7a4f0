"""Source, node, sink: the one loop for everything that flows, be it a file or a pipe that is live."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from ..io.block import Sink, Source
from ..node import Denoiser
from .counts import counts, dead
from .queue import Queue
from .telemetry import telemetry


class Runner:
    r"""Carries blocks from a source through a node into a sink.

    ``clean = node.run(block.signal, block.reference)`` for every block, in order; the next blocks are read ahead by a
    thread into a queue with a bound, so memory does not grow with the length of the stream and of a live pipe every row
    leaves as soon as it has come. The node keeps its state from block to block: how the stream is cut does not matter.

    Parameters
    ----------
    node : Denoiser
        Anything with ``run(x) -> clean``, or ``run(x, reference) -> clean``.
    source : Source
        As ``streammse.io.source`` opens it, or any iterable of ``streammse.io.Block``.
    sink : Sink
        As ``streammse.io.sink`` opens it, or anything with ``write``, ``commit`` and ``abort``.
    queue : int, optional
        How many samples may wait for the node; by default two blocks.
    policy : str
        What happens where the queue is full: ``block`` makes the source wait, ``drop-oldest`` drops the samples that
        have waited longest and counts them.
    log : path, "-" or logger, optional
        Where events go: see ``runner.telemetry.Log``.
    metrics : int or str, optional
        A port, or HOST:PORT, that answers Prometheus: see ``runner.telemetry.Metrics``.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import streammse as sm
    >>> from streammse import io
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "in.csv").write_text("t,v\n0,1.0\n1,1.5\n2,\n3,1.2\n")
    >>> source = io.source(folder / "in.csv", "v")
    >>> sm.Runner(sm.Smoother(), source, io.sink(folder / "out.csv", source)).run()
    4
    >>> len((folder / "out.csv").read_text().splitlines())
    5
    """

    def __init__(
        self,
        node: Denoiser | Any,
        source: Source,
        sink: Sink,
        *,
        queue: int | None = None,
        policy: str = "block",
        log: Any = None,
        metrics: Any = None,
    ) -> None:
        self.node, self.source, self.sink = node, source, sink
        self._queue = Queue(source, queue, policy)
        self._telemetry = telemetry(log, metrics)
        self._samples, self._dead = 0, dead(source)

    @property
    def counts(self) -> dict[str, int]:
        """The rows so far by their fate: read = samples + dropped + dead + late + duplicates + left."""
        return counts(self.source, self._queue, self._samples, self._dead)

    @property
    def depth(self) -> int:
        """How many samples wait for the node now."""
        return self._queue.depth

    def stop(self) -> None:
        """Finish the block that is under way, take no other, and commit; from any thread, or a signal handler."""
        self._queue.stop()

    def run(self) -> int:
        """Run to the end of the source and commit; on any exception the sink is aborted. Returns the number of samples.

        Raises
        ------
        DataError
            When the data are not what they should be; it names the row.
        """
        self._queue, self._samples = Queue(self.source, self._queue.bound, self._queue.policy), 0
        self._dead = dead(self.source)
        try:
            with self._telemetry.over(self) as told, contextlib.closing(iter(self._queue)) as blocks:
                for block in blocks:
                    if len(block.signal) == 0:  # rows that hold nothing but must pass
                        block.clean = np.empty(0)
                    elif block.reference is None:
                        block.clean = self.node.run(block.signal)
                    else:
                        block.clean = self.node.run(block.signal, block.reference)
                    self.sink.write(block)
                    self._samples += len(block.signal)
                    told.block(block)
                self.sink.commit()
        except BaseException:
            self.sink.abort()
            raise
        return self._samples
