"""WAV and FLAC: samples of the other channels keep their bits.

Integer formats are read and written as integers. libsndfile scales floats by 2^15 on the way in and by 2^15 - 1 on the
way out, so a channel that merely passes through would not be the same.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..scalar import counted
from .block import NUMBER, Block, DataError, Layout, Order, Source, Wanted, described, identified
from .files import stamp
from .output import Output
from .parquet import column_of

FRAMES = 1 << 16
_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
_FULL = 2.0**31
UNKNOWN = 0x7FFFF000  # bytes that a WAV promises at least when it was written to a pipe, which has no end yet


def _soundfile() -> Any:
    try:
        import soundfile
    except (ImportError, OSError):
        raise DataError("WAV and FLAC need the package soundfile: pip install 'streammse[audio]'") from None
    return soundfile


class Frames:
    """A stretch of frames, in integers or floats as in the file."""

    def __init__(self, frames: NDArray[Any]) -> None:
        self.frames = frames

    def channel(self, k: int) -> NDArray[np.float64]:
        """One channel, full scale at 1."""
        taken = self.frames[:, k].astype(np.float64)
        return taken if self.frames.dtype.kind == "f" else taken / _FULL

    def table(self, *, as_text: bool = False) -> Any:  # noqa: ARG002 - it has types of its own
        """A column a channel."""
        import pyarrow as pa

        return pa.table({str(k + 1): column_of(self.channel(k)) for k in range(self.frames.shape[1])})

    def take(self, rows: Order) -> Frames:
        """Some frames, in this order."""
        return Frames(self.frames[rows])

    def join(self, others: Sequence[Frames]) -> Frames:
        """These frames and those that follow."""
        return Frames(np.concatenate([self.frames, *(other.frames for other in others)]))


class AudioSource:
    """Blocks of frames; channels are called 1, 2, ..."""

    def __init__(self, name: str, wanted: Wanted) -> None:
        if not os.path.exists(name):
            raise DataError(f"cannot read {name}: No such file or directory")
        sf = _soundfile()
        try:
            self.file = sf.SoundFile(name)
        except (sf.LibsndfileError, OSError) as error:
            raise DataError(f"cannot read {name} as audio: {getattr(error, 'error_string', error)}") from None
        self.name, self.format = name, self.file.format.lower().removesuffix("ex")
        self.names = [str(k + 1) for k in range(self.file.channels)]
        self.rate: float | None = float(self.file.samplerate)
        self.total: int | None = self.file.frames
        self.integers = self.file.subtype in _BITS
        self._from = 0
        if not self.file.frames:
            raise DataError(f"{name} holds no samples")
        promised = re.search(r"^\s*data\s*:\s*(\d+) \(should be (\d+)\)", self.file.extra_info, re.MULTILINE)
        if promised and int(promised[2]) < int(promised[1]) < UNKNOWN:
            warnings.warn(
                f"{name} is cut off: its header promises {int(promised[1]):,} bytes of samples, it has "
                f"{int(promised[2]):,}",
                stacklevel=2,
            )
        self.layout = Layout(wanted, self.names, lambda: dict.fromkeys(self.names, NUMBER), name)
        self.column, self.references, self.truth = self.layout.signal, len(self.layout.references), self.layout.truth

    def __repr__(self) -> str:
        return described(self)

    @property
    def identity(self) -> dict[str, Any]:
        """What tells it from another one."""
        return identified(self, stamp=stamp(self.name))

    #: the offset before the first block
    beginning = 0

    def seek(self, offset: int) -> None:
        """Go on after so many frames."""
        self._from = self.file.seek(offset)

    def __iter__(self) -> Iterator[Block]:
        """In portions; a file shorter than its header says is an error."""
        done = self._from
        while done < self.file.frames:
            try:
                read = self.file.read(FRAMES, dtype="int32" if self.integers else "float64", always_2d=True)
            except RuntimeError as error:  # libsndfile's own
                raise DataError(f"cannot read {self.name} after sample {done}: {error}") from None
            if not len(read):
                raise DataError(f"{self.name} is cut off: its header promises {self.file.frames} frames, it has {done}")
            done += len(read)
            frames = Frames(read)
            arrays = {name: frames.channel(self.names.index(name)) for name in self.layout.columns}
            yield self.layout.block(arrays, frames, done, done)


class AudioSink:
    """Audio with one channel cleaned; from a source of columns the clean signal alone, as float."""

    def __init__(self, output: Output, kind: str, source: Source) -> None:
        sf = _soundfile()
        self._output, self.format = output, kind
        self._clipped = 0
        origin = getattr(source, "file", None)
        rate = source.rate
        if rate is None or rate != round(rate):
            output.abort()
            got = "none was given" if rate is None else f"got {rate:g}"
            raise DataError(f"{kind} needs a whole number of samples a second, {got}: name the rate")
        self._k = source.names.index(source.column) if origin is not None else 0
        self._alone = origin is None
        subtype = origin.subtype if origin is not None else "FLOAT"
        if not sf.check_format(kind.upper(), subtype):
            subtype = "PCM_24"
        self._bits = _BITS.get(subtype)
        try:
            self._file = sf.SoundFile(
                output.path,
                "w",
                samplerate=int(rate),
                channels=1 if origin is None else origin.channels,
                subtype=subtype,
                format=kind.upper(),
            )
            for key, value in origin.copy_metadata().items() if origin is not None else ():
                setattr(self._file, key, value)
        except (sf.LibsndfileError, OSError, ValueError) as error:
            output.abort()
            raise DataError(f"cannot write {kind}: {getattr(error, 'error_string', error)}") from None

    def write(self, block: Block) -> None:
        """Append the frames of a block."""
        assert block.clean is not None
        if self._alone:
            frames: NDArray[Any] = block.clean.reshape(-1, 1)
        else:
            assert isinstance(block.rest, Frames)
            frames = block.rest.frames
        if self._bits is None:
            made: NDArray[Any] = np.array(frames, dtype=np.float64) if frames.dtype.kind == "f" else frames / _FULL
            made[:, self._k] = block.clean
        else:
            made = frames.copy() if frames.dtype.kind == "i" else self._integers(frames)
            made[:, self._k] = self._integers(block.clean)
        self._file.write(made)

    def _integers(self, values: NDArray[Any]) -> NDArray[np.int32]:
        """The nearest steps of the file's width, in the upper bits, where libsndfile takes them from."""
        assert self._bits is not None
        step = 2.0 ** (32 - self._bits)
        steps = np.rint(np.nan_to_num(values, posinf=0.0, neginf=0.0) * (_FULL / step))
        limit = _FULL / step
        self._clipped += int(np.count_nonzero(np.abs(steps) > limit))
        wide: NDArray[np.float64] = np.clip(steps, -limit, limit - 1.0) * step
        return wide.astype(np.int32)

    def commit(self) -> None:
        """Write the header and take the name."""
        if self._clipped:
            warnings.warn(
                f"{counted(self._clipped, 'sample')} clipped at full scale of {self._bits} bits: .csv or .parquet "
                "as the output, or a float WAV as the input, keeps them",
                stacklevel=2,
            )
        self._file.close()
        self._output.commit()

    def abort(self) -> None:
        """It will not be."""
        self._file.close()
        self._output.abort()
