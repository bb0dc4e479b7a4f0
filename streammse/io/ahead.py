"""Read ahead: a thread that fetches the next blocks while this one is worked on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


def ahead(items: Iterable[T], depth: int = 2) -> Iterator[T]:
    """The same items in the same order, at most ``depth`` of them waiting; an exception arrives in its place.

    The thread is a daemon: one that waits for a silent pipe does not keep the process alive.
    """
    waiting: queue.Queue[Any] = queue.Queue(depth)
    stopped = threading.Event()
    end = object()

    def fetch() -> None:
        try:
            for item in items:
                waiting.put((item, None))
                if stopped.is_set():
                    return
            waiting.put((end, None))
        except BaseException as error:  # noqa: BLE001 - it is raised again where the items are used
            waiting.put((end, error))

    thread = threading.Thread(target=fetch, name="streammse-ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error = waiting.get()
            if error is not None:
                raise error
            if item is end:
                return
            yield item
    finally:
        stopped.set()
        while not waiting.empty():  # a thread that waits for a place gets it, sees the flag and ends
            waiting.get_nowait()
        thread.join(0.2)  # in vain only where it waits for a silent pipe
