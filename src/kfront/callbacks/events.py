"""Event files as TensorBoard reads them, written without TensorFlow and without tensorboard.

A file is a sequence of records (length, checksum, data, checksum; the framing of TFRecord, with CRC-32C), each an
`Event` message of protocol buffers. The few messages needed are encoded by hand. References: the TFRecord format
(tensorflow.org/tutorials/load_data/tfrecord), the encoding of protocol buffers
(protobuf.dev/programming-guides/encoding) and RFC 3720 appendix B.4 for CRC-32C.
"""

from __future__ import annotations

import os
import socket
import struct
import time
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from kfront.core.typing import TensorLike


def _crc_table() -> list[int]:
    table = []
    for n in range(256):
        for _ in range(8):
            n = (n >> 1) ^ 0x82F63B78 if n & 1 else n >> 1
        table.append(n)
    return table


_TABLE = _crc_table()


def masked_crc(data: bytes) -> int:
    """CRC-32C, rotated and offset as TFRecord wants it."""
    crc, table = 0xFFFFFFFF, _TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


# ---- messages --------------------------------------------------------------------------------------------------------


def _varint(n: int) -> bytes:
    out = bytearray()
    n &= 0xFFFFFFFFFFFFFFFF
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def _int(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _float(field: int, value: float) -> bytes:
    return _varint(field << 3 | 5) + struct.pack("<f", value)


def _bytes(field: int, value: bytes | str) -> bytes:
    value = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _doubles(field: int, values: np.ndarray) -> bytes:
    return _bytes(field, values.astype("<f8").tobytes())


def _histogram(values: np.ndarray, buckets: int) -> bytes:
    """A HistogramProto: least, greatest, count, sum, sum of squares, upper limits and contents of buckets."""
    finite = values[np.isfinite(values)].astype("float64")
    if not finite.size:
        finite = np.zeros(1)
    counts, edges = np.histogram(finite, buckets)
    low, high = float(finite.min()), float(finite.max())
    head = _double(1, low) + _double(2, high) + _double(3, finite.size)
    sums = _double(4, float(finite.sum())) + _double(5, float((finite * finite).sum()))
    return head + sums + _doubles(6, edges[1:]) + _doubles(7, counts)


def png(pixels: np.ndarray) -> bytes:
    """An image of one, three or four channels, uint8, as PNG (RFC 2083)."""
    height, width, channels = pixels.shape
    rows = np.zeros((height, 1 + width * channels), "uint8")  # each row begins with its filter, none
    rows[:, 1:] = pixels.reshape(height, -1)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows.tobytes())), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _node(name: str, op: str, inputs: Iterable[str]) -> bytes:
    return _bytes(1, _bytes(1, name) + _bytes(2, op) + b"".join(_bytes(3, i) for i in inputs))


# ---- the writer ------------------------------------------------------------------------------------------------------


class EventWriter:
    """Writes one event file.

    Args:
        folder: where; made if it does not exist.

    Example:

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> writer = EventWriter(folder)
    >>> writer.scalar("loss", 0.5, step=1)
    >>> writer.close()
    >>> [name[:20] for name in os.listdir(folder)]
    ['events.out.tfevents.']
    """

    _made = 0

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        EventWriter._made += 1
        now = time.time()
        name = f"events.out.tfevents.{int(now)}.{socket.gethostname()}.{os.getpid()}.{EventWriter._made}"
        self._file: BinaryIO = open(path / name, "ab")  # noqa: SIM115
        self._record(_double(1, now) + _bytes(3, "brain.Event:2"))

    def _record(self, event: bytes) -> None:
        length = struct.pack("<Q", len(event))
        crc = struct.pack("<I", masked_crc(length)), struct.pack("<I", masked_crc(event))
        self._file.write(length + crc[0] + event + crc[1])

    def _summary(self, tag: str, value: bytes, step: int) -> None:
        summary = _bytes(1, _bytes(1, tag) + value)
        self._record(_double(1, time.time()) + _int(2, int(step)) + _bytes(5, summary))

    def scalar(self, name: str, data: float, step: int = 0) -> None:
        """Write a number.

        Args:
            name: its tag.
            data: the number.
            step: the step (or epoch).
        """
        self._summary(name, _float(2, float(data)), step)

    def histogram(self, name: str, data: TensorLike, step: int = 0, buckets: int = 30) -> None:
        """Write how values are spread.

        Args:
            name: its tag.
            data: array of any shape; what is not finite is left out.
            step: the step (or epoch).
            buckets: number of buckets.
        """
        self._summary(name, _bytes(5, _histogram(np.asarray(data), buckets)), step)

    def image(self, name: str, data: TensorLike, step: int = 0) -> None:
        """Write images.

        Args:
            name: their tag; from the second on a number is added.
            data: array (n, height, width, channels), uint8 or floats from 0 to 1.
            step: the step (or epoch).
        """
        images = np.asarray(data)
        if images.dtype != np.uint8:
            images = (np.clip(images, 0, 1) * 255).astype("uint8")
        for i, pixels in enumerate(images):
            height, width, channels = pixels.shape
            message = _int(1, height) + _int(2, width) + _int(3, channels) + _bytes(4, png(pixels))
            self._summary(f"{name}/{i}" if i else name, _bytes(4, message), step)

    def graph(self, nodes: Iterable[tuple[str, str, Sequence[str]]]) -> None:
        """Write a graph.

        Args:
            nodes: (name, kind, names of the nodes it gets its inputs from) of each.
        """
        found = b"".join(_node(*node) for node in nodes)
        self._record(_double(1, time.time()) + _bytes(4, found + _bytes(4, _int(1, 22))))

    def flush(self) -> None:
        """Hand everything to the operating system."""
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
