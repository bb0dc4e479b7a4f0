"""A bounded queue between a source, which a thread reads ahead, and the node that works on what it brought."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterable

import numpy as np

from ..io.block import Block, DataError

BLOCKS = 2  # how many blocks wait where nobody names a bound
SMALL = 4096  # samples: blocks that wait are joined up to this size, as a block of one sample costs a kilobyte

POLICIES = ("block", "drop-oldest")


class Queue:
    """The blocks of a source in their order; what waits has a bound, and what happens there is the policy.

    ``block``: the source waits, and so does who feeds it (back-pressure). A block larger than the bound waits alone.
    ``drop-oldest``: the source never waits. The samples that have waited longest make room, sample by sample, and are
    counted; what still waits when the run is stopped counts as dropped as well. For live sources that outrun the sink.

    Parameters
    ----------
    source : iterable of Block
    bound : int, optional
        How many samples may wait, 1 <= bound; by default two blocks, whatever their size.
    policy : str
        ``block`` or ``drop-oldest``, which needs a bound.

    Raises
    ------
    DataError
        When a bound or a policy is none.
    """

    def __init__(self, source: Iterable[Block], bound: int | None = None, policy: str = "block") -> None:
        if policy not in POLICIES:
            raise DataError(f"unknown policy {policy!r}: expected one of {', '.join(POLICIES)}")
        if bound is not None and bound < 1:
            raise DataError(f"queue must be 1 <= queue, got {bound}")
        if bound is None and policy != "block":
            raise DataError(f"policy {policy} needs a bound: say with queue how many samples may wait")
        self._source, self.bound, self.policy = source, bound, policy
        self._changed = threading.Condition()
        self._waiting: deque[Block] = deque()
        self._error: BaseException | None = None
        self._ended = self._stopped = self._done = False
        #: samples that wait now, that waited at most, that went through, and that were dropped
        self.depth = self.peak = self.taken = self.dropped = 0

    def __iter__(self) -> Generator[Block, None, None]:
        """Block after block; an exception of the source arrives in its place.

        The thread is a daemon: one that waits for a silent pipe does not keep the process alive.
        """
        thread = threading.Thread(target=self._fetch, name="streammse-ahead", daemon=True)
        thread.start()
        try:
            while (block := self._take()) is not None:
                yield block
        finally:
            self.stop()
            self._leave()
            thread.join(0.2)  # in vain only where it waits for a silent pipe

    @property
    def stopped(self) -> bool:
        """Whether somebody said stop before it had come to its end."""
        return self._stopped and not self._done

    def stop(self) -> None:
        """Take no more from the source, and leave behind what waits. A signal handler may call it."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _leave(self) -> None:
        with self._changed:
            if self.policy != "block":
                self.dropped += self.depth
            self._waiting.clear()
            self.depth = 0

    def _take(self) -> Block | None:
        with self._changed:
            while not self._stopped:
                if self._waiting:
                    block = self._waiting.popleft()
                    self.depth -= len(block.signal)
                    self.taken += len(block.signal)
                    self._changed.notify_all()
                    return block
                if self._error is not None:
                    raise self._error
                if self._ended:
                    self._done = True
                    return None
                self._changed.wait()
            return None

    def _fetch(self) -> None:
        try:
            for block in self._source:
                with self._changed:
                    if self.policy == "block":
                        while not self._stopped and not self._fits(len(block.signal)):
                            self._changed.wait()
                    if self._stopped:
                        self.dropped += 0 if self.policy == "block" else len(block.signal)
                        return
                    self._put(block)
                    self._changed.notify_all()
        except BaseException as error:  # noqa: BLE001 - it is raised again where the blocks are used
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _fits(self, samples: int) -> bool:
        if self.bound is None:
            return len(self._waiting) < BLOCKS
        return not self.depth or self.depth + samples <= self.bound

    def _put(self, block: Block) -> None:
        if self.policy != "block":
            assert self.bound is not None
            self._make_room(len(block.signal))
            if len(block.signal) > self.bound:
                block = self._without(block, len(block.signal) - self.bound)
        self._waiting.append(block)
        self.depth += len(block.signal)
        self.peak = max(self.peak, self.depth)
        while self.bound is not None and len(self._waiting) > 1 and hasattr(block.rest, "join"):
            before = self._waiting[-2]
            if len(before.signal) > len(block.signal) or len(before.signal) + len(block.signal) > SMALL:
                break  # so each sample is copied as often as its block doubles
            self._waiting.pop()
            block = self._waiting[-1] = before.join([block])

    def _make_room(self, samples: int) -> None:
        """Drop what has waited longest."""
        assert self.bound is not None
        while self.depth and self.depth + samples > self.bound:
            oldest = self._waiting.popleft()
            size, over = len(oldest.signal), self.depth + samples - self.bound
            self.depth -= min(size, over)
            if size > over:
                self._waiting.appendleft(self._without(oldest, over))
            else:
                self.dropped += size

    def _without(self, block: Block, count: int) -> Block:
        self.dropped += count
        return block.take(np.arange(count, len(block.signal)))
