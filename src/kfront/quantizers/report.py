"""What `quantize` of a model did with each layer."""

from __future__ import annotations

_LINE = 65


class QuantizationReport:
    """Which layers of a model were quantized by one call of `quantize`, and which were not, and why.

    Args:
        mode: how, e.g. "int8".

    Attributes:
        mode: how.
        quantized: a tuple (path, mode, name of the dtype policy) for each layer that was quantized.
        skipped: a tuple (path, reason) for each that was not; the reasons are the class attributes that begin with
            `SKIP_`.

    Example:

    >>> import kfront
    >>> model = kfront.Sequential([kfront.Input((4,)), kfront.layers.Dense(2, name="one"), kfront.layers.Dense(1)])
    >>> report = model.quantize("int8", filters="one")
    >>> [mode for _, mode, _ in report.quantized], report.num_skipped
    (['int8'], 1)
    """

    SKIP_NO_SUPPORT = "no quantize support"
    SKIP_FILTERED = "filtered out"
    SKIP_ALREADY_QUANTIZED = "already quantized"
    SKIP_OUTSIDE_STRUCTURE = "outside quantization structure"

    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode
        self.quantized: list[tuple[str, str, str]] = []
        self.skipped: list[tuple[str, str]] = []

    def add_quantized(self, path: str, mode: str, scheme: str) -> None:
        """Take note of a layer that was quantized.

        Args:
            path: of the layer.
            mode: how.
            scheme: the name of its dtype policy.
        """
        self.quantized.append((path, mode, scheme))

    def add_skipped(self, path: str, reason: str) -> None:
        """Take note of a layer that was left as it is.

        Args:
            path: of the layer.
            reason: why.
        """
        self.skipped.append((path, reason))

    @property
    def num_quantized(self) -> int:
        """How many layers were quantized."""
        return len(self.quantized)

    @property
    def num_skipped(self) -> int:
        """How many layers were left as they are."""
        return len(self.skipped)

    def skipped_by_reason(self, reason: str) -> list[str]:
        """Paths of the layers that were left as they are for a reason."""
        return [path for path, why in self.skipped if why == reason]

    def summary_warning(self, max_examples: int = 5) -> str | None:
        """A sentence about layers that cannot be quantized; None if there are none.

        Args:
            max_examples: how many of them it names.
        """
        paths = self.skipped_by_reason(self.SKIP_NO_SUPPORT)
        if not paths:
            return None
        named = ", ".join(map(repr, paths[:max_examples])) + (", …" if len(paths) > max_examples else "")
        return (
            f"[quantize] mode {self.mode!r}: {self.num_quantized} layers are quantized; {len(paths)} have no such form "
            f"and stay as they are: {named}; `model.quantization_summary()` tells what is stored."
        )

    def render(self) -> str:
        """A text with a line for each layer."""
        done = [f"  {path}: {scheme}" for path, _, scheme in self.quantized]
        left = [f"  {path}: {reason}" for path, reason in self.skipped]
        head = [f"Quantization, mode {self.mode}", "=" * _LINE]
        return "\n".join([*head, f"Quantized: {len(done)}", *done, f"As they are: {len(left)}", *left])

    def __repr__(self) -> str:
        return f"<QuantizationReport {self.mode}, quantized={self.num_quantized}, skipped={self.num_skipped}>"


def render_storage(name: str, rows: list[tuple[str, str, str, int, int, bool]]) -> str:
    """What quantized layers store, as a text.

    Args:
        name: of the model.
        rows: for each layer its path, the name of its dtype policy, the dtype of its stored weight, the bytes of all
            that stands for the weight, its number of values, and whether the floating weight is kept.
    """
    lines = [f"Quantized layers of {name!r}", "=" * _LINE]
    if not rows:
        return "\n".join([*lines, "None."])
    for path, policy, dtype, size, _, kept in rows:
        lines.append(f"{path}: {policy}, {dtype}, {size:,} bytes{', the floating weight is kept' if kept else ''}")
    stored, plain = sum(row[3] for row in rows), sum(4 * row[4] for row in rows)
    lines += ["-" * _LINE, f"{len(rows)} layers, {plain // 4:,} parameters"]
    return "\n".join(
        [*lines, f"{stored:,} bytes instead of {plain:,} bytes in float32, {plain / stored:.2f} times as small"]
    )
