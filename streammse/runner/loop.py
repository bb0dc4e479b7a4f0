"""Source, node, sink: the one loop for everything that flows, be it a file or a pipe that is live."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..io.ahead import ahead
from ..io.block import Sink, Source
from ..node import Denoiser


class Runner:
    r"""Carries blocks from a source through a node into a sink.

    ``clean = node.run(block.signal, block.reference)`` for every block, in order; the next blocks are read ahead by a
    thread, at most two of them, so memory does not grow with the length of the stream and of a live pipe every row
    leaves as soon as it has come. The node keeps its state from block to block: how the stream is cut does not matter.

    Parameters
    ----------
    node : Denoiser
        Anything with ``run(x) -> clean``, or ``run(x, reference) -> clean``.
    source : Source
        As ``streammse.io.source`` opens it, or any iterable of ``streammse.io.Block``.
    sink : Sink
        As ``streammse.io.sink`` opens it, or anything with ``write``, ``commit`` and ``abort``.

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

    def __init__(self, node: Denoiser | Any, source: Source, sink: Sink) -> None:
        self.node, self.source, self.sink = node, source, sink

    def run(self) -> int:
        """Run to the end of the source and commit; on any exception the sink is aborted. Returns the number of samples.

        Raises
        ------
        DataError
            When the data are not what they should be; it names the row.
        """
        samples = 0
        try:
            for block in ahead(self.source):
                if len(block.signal) == 0:  # rows that hold nothing but must pass
                    block.clean = np.empty(0)
                elif block.reference is None:
                    block.clean = self.node.run(block.signal)
                else:
                    block.clean = self.node.run(block.signal, block.reference)
                self.sink.write(block)
                samples += len(block.signal)
            self.sink.commit()
        except BaseException:
            self.sink.abort()
            raise
        return samples
