"""Source, node, sink: the one loop for everything that flows, be it a file or a pipe that is live."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from ..io.block import Sink, Source
from ..node import Denoiser
from .counts import counts, dead
from .keeper import Keeper, Unkept
from .queue import Queue
from .signals import Stop, StoppedError
from .telemetry import Telemetry, telemetry


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
    checkpoint : path, optional
        A folder. Then the run can be killed at any moment, and another one like it goes on where it stopped: the output
        is the same, byte for byte. It lies in ``<output>.partial`` until it is complete. The source must be one that
        can ``seek`` and the sink one that can be cut back (``streammse.io.resume`` says what that asks of one's own).
        A SQLite sink holds its own checkpoint: ``True``, or its path.
    every : float
        Seconds between two checkpoints, 0 <= every; 0: after every block.
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
        checkpoint: Any = None,
        every: float = 5.0,
        queue: int | None = None,
        policy: str = "block",
        log: Any = None,
        metrics: Any = None,
    ) -> None:
        if getattr(node, "_is_complex", bool)():
            raise TypeError(f"the columns of a source are real numbers: expected a real node, got {node!r}")
        self.node, self.source, self.sink = node, source, sink
        self._keeper = Unkept(sink) if checkpoint is None else Keeper(node, source, sink, checkpoint, every)
        self._queue = Queue(source, queue, policy)
        self._telemetry = telemetry(log, metrics)
        #: how many samples have gone through, those of earlier runs included
        self.samples = 0
        self._earlier, self._dead = 0, dead(source)
        self._begun = False

    @property
    def counts(self) -> dict[str, int]:
        """The rows so far by their fate: read = samples + dropped + dead + late + duplicates + left.

        Those of earlier runs are among them, but for what they dropped.
        """
        return counts(self.source, self._queue, self.samples, self._earlier, self._dead)

    @property
    def depth(self) -> int:
        """How many samples wait for the node now."""
        return self._queue.depth

    def stop(self) -> None:
        """Finish the block that is under way and take no other; from any thread, or a signal handler.

        Without a checkpoint the run then ends as at the end of the source, with one it can be taken up again.
        """
        self._queue.stop()

    def begin(self) -> int:
        """Take up the checkpoint, as ``run`` does; how many samples earlier runs have done."""
        if not self._begun:
            self._begun = True
            self._keeper.begin()
            self.samples = self._keeper.samples
        return self.samples

    @property
    def ended(self) -> bool:
        """Whether an earlier run came to the end, so that nothing is left to do."""
        return self._keeper.ended

    def run(self) -> int:
        """Run to the end of the source and commit; on any exception the sink is aborted. Returns the number of samples.

        With a checkpoint, or where the queue drops, SIGINT and SIGTERM finish the block (and write a checkpoint) within
        two seconds; then they do what they would have done. Where all was done by an earlier run, nothing is.

        Raises
        ------
        DataError
            When the data are not what they should be; it names the row. When the checkpoint belongs to another run.
        CheckpointError
            When there are checkpoints, and none can be believed.
        """
        stop = Stop() if self._queue.policy != "block" else self._keeper.stop()
        try:
            with stop, self._telemetry.over(self, lambda: stop.number) as told:
                self._earlier = self.begin()
                self._queue = Queue(self.source, self._queue.bound, self._queue.policy)
                if not self._keeper.ended:
                    self._carry(stop, told)
                if stop.number is None and not (self._queue.stopped and self._keeper.keeps):
                    self._keeper.end(self.samples)
                else:
                    self._keeper.save(self.samples)
                    self.sink.abort()
        except StoppedError:  # the block took too long to be finished: the last checkpoint stands
            self.sink.abort()
        except BaseException:
            self.sink.abort()
            raise
        finally:
            self._begun = False
            self._keeper.close()
        stop.again()
        return self.samples

    def _carry(self, stop: Stop, told: Telemetry) -> None:
        """Block after block, until there is none or somebody says stop."""
        with contextlib.closing(iter(self._queue)) as blocks:
            for block in stop.before(blocks):
                if len(block.signal) == 0:  # rows that hold nothing but must pass
                    block.clean = np.empty(0)
                elif block.reference is None:
                    block.clean = self.node.run(block.signal)
                else:
                    block.clean = getattr(self.node, "_from", self.node.run)(block.signal, block.reference)
                self.sink.write(block)
                self.samples += len(block.signal)
                told.block(block)
                if self._keeper.after(block, self.samples):
                    told.checkpoint(block.done)
