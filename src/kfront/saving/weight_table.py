"""Weights of models from elsewhere, by a table: which of their tensors hold which weights here, and how."""

from __future__ import annotations

import difflib
import fnmatch
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kfront.core.errors import SavingError
from kfront.saving.safetensors import portions
from kfront.saving.safetensors_parts import Source, stored_tensors, write_checkpoint
from kfront.saving.weight_rules import DerivedTensor, Holder, WeightRule, holder_of, weights_of

if TYPE_CHECKING:
    from kfront.models.model import Model


class WeightReport(NamedTuple):
    """What became of a checkpoint: paths of weights here, and names of tensors there.

    Attributes:
        loaded: weights that were set.
        missing: weights whose tensors the checkpoint lacks.
        wrong: weights whose tensors do not fit: shapes, dtypes.
        uncovered: weights that no row of the table names.
        unexpected: tensors that no row of the table names.

    Example:

    >>> from kfront.saving import WeightReport
    >>> print(WeightReport(loaded=["dense/kernel"], missing=[], wrong=[], uncovered=[], unexpected=["pooler.bias"]))
    1 weight(s) loaded
    1 tensor(s) that no row names; a row with None for `ours` leaves them out:
      pooler.bias
    """

    loaded: list[str]
    missing: list[str]
    wrong: list[str]
    uncovered: list[str]
    unexpected: list[str]

    @property
    def complete(self) -> bool:
        """Whether all weights were set and all tensors used."""
        return not (self.missing or self.wrong or self.uncovered or self.unexpected)

    def __str__(self) -> str:
        parts = [f"{len(self.loaded)} weight(s) loaded"]
        for count, what in (
            (self.missing, "weight(s) without a tensor; correct the names, or the sizes of the model"),
            (self.wrong, "tensor(s) of another form; build the model as the checkpoint's was, or correct the row"),
            (self.uncovered, "weight(s) that no row names; add rows, or pass strict=False to keep what they are"),
            (self.unexpected, "tensor(s) that no row names; a row with None for `ours` leaves them out"),
        ):
            if count:
                more = [f"… and {len(count) - 20} more"] if len(count) > 20 else []
                parts.append("\n  ".join([f"{len(count)} {what}:", *count[:20], *more]))
        return "\n".join(parts)


class WeightTable:
    """Weights of models from elsewhere: rows pair weights here with tensors there, for both directions.

    Args:
        rows: `WeightRule` objects, or pairs (ours, theirs).

    Raises:
        ArgumentError: a row means nothing.

    Example:

    >>> import kfront
    >>> from kfront.saving import WeightRule, WeightTable
    >>> model = kfront.Sequential([kfront.Input((4,)), kfront.layers.Dense(2, name="dense")])
    >>> table = WeightTable([("dense", "fc"), WeightRule(None, "*.inv_freq")])
    >>> state = table.state_dict(model)
    >>> {name: value.shape for name, value in state.items()}
    {'fc.weight': (2, 4), 'fc.bias': (2,)}
    >>> table.load(model, state).complete
    True
    """

    def __init__(self, rows: Iterable[WeightRule | tuple[str | Sequence[str] | None, str | Sequence[str]]]) -> None:
        self.rules = [row if isinstance(row, WeightRule) else WeightRule(*row) for row in rows]

    def load(self, model: Model, source: Source, strict: bool = True) -> WeightReport:
        """Set the weights of a model; the tensors are read one by one.

        Args:
            model: a built model or layer.
            source: path of a ``.safetensors`` file, of the ``.safetensors.index.json`` of several, or of a folder with
                either; ``hf://user/name``; or a dict name -> tensor, such as `torch.nn.Module.state_dict` gives.
            strict: whether everything must fit: else nothing is set. False: what fits is.

        Returns:
            What was loaded, and what did not fit.

        Raises:
            SavingError: something does not fit, or a row names no weight of the model; the message lists names.
            UnsafeFileError: a file lies about itself, or names other files.
        """
        tensors = stored_tensors(source)
        holders, uncovered = self._holders(model)
        report = WeightReport([], [], [], uncovered, self._unexpected(tensors, holders))
        claimed = {name for holder in holders for name in holder.theirs}
        fits: list[Holder] = []
        for holder in holders:
            lacking = holder.lacking(tensors)
            wrong = [] if lacking else holder.wrong(tensors, claimed)
            report.missing.extend(lacking)
            report.wrong.extend(wrong)
            if not lacking and not wrong:
                fits.append(holder)
        if strict and not report.complete:
            what = "the dict" if isinstance(source, Mapping) else str(source)
            raise SavingError(
                f"[WeightTable] expected {what} to fit {model.name!r}, got differences, so nothing was loaded.\n"
                f"{report}"
            )
        pairs = ((v, value, x) for h in fits for v, value, x in h.read(tensors))
        for group in portions(pairs):
            b = group[0][0]._kf_backend
            b.foreach.assign([v for v, _, _ in group], [b.convert(value, v._dtype) for v, value, _ in group])
            for _, _, used in group:
                for tensor in used:
                    tensor.let_go()
        report.loaded.extend(path for h in fits for path in h.paths)
        return report

    def state_dict(self, model: Model) -> dict[str, np.ndarray]:
        """The weights as `torch.nn.Module.load_state_dict` takes them once they are tensors, tied ones under all names.

        Args:
            model: a built model or layer.

        Raises:
            SavingError: a row names no weight of the model, or two rows the same tensor.
        """
        out = {name: np.array(t.numpy()) for name, t in self._derived(model, None).items()}
        for holder in self._holders(model)[0]:
            for name in holder.tied:
                out.setdefault(name, out[holder.theirs[0]])
        return out

    def save(
        self,
        model: Model,
        filepath: str | os.PathLike[str],
        overwrite: bool = True,
        max_shard_size: float | None = None,
        dtype: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Write a file that `transformers` reads; it is there completely or not at all.

        Args:
            model: a built model or layer.
            filepath: ends in ``.safetensors``.
            overwrite: whether existing files may be replaced.
            max_shard_size: gigabytes; the tensors are split into files of at most that size, with an index. None: one.
            dtype: of the file's tensors, such as "bfloat16"; the weights' own if None.
            metadata: texts for the header.

        Raises:
            SavingError: a row names no weight of the model, or two rows the same tensor; the file may not be replaced
                or cannot be written.
        """
        write_checkpoint(self._derived(model, dtype), filepath, overwrite, max_shard_size, metadata)

    # -- rows and the model ----------------------------------------------------------------------------------------

    def _holders(self, model: Model) -> tuple[list[Holder], list[str]]:
        """What each row means for a model, and the paths of weights that none names."""
        weights = weights_of(model)
        holders: list[Holder] = []
        named: dict[str, WeightRule] = {}
        for rule in self.rules:
            if not rule.ours:
                continue
            found = [h for path in weights if (h := holder_of(rule, path, weights)) is not None]
            if not found:
                near = difflib.get_close_matches(rule.ours[0], weights, 3, 0.3) or list(weights)[:3]
                raise SavingError(
                    f"[WeightTable] expected {rule!r} to name weights of {model.name!r}, got none; the model has, for "
                    f"example, {', '.join(near)}."
                )
            for path in (path for h in found for path in h.paths):
                if path in named:
                    raise SavingError(f"[WeightTable] expected one row for {path}, got {named[path]!r} and {rule!r}.")
                named[path] = rule
            holders += found
        return holders, [path for path in weights if path not in named]

    def _unexpected(self, tensors: Mapping[str, object], holders: list[Holder]) -> list[str]:
        used = {name for h in holders for name in (*h.theirs, *h.tied)}
        ignored = [
            "*num_batches_tracked",
            *(re.sub(r"\{\w+\}", "*", t) for r in self.rules if not r.ours for t in r.theirs),
        ]
        return [n for n in tensors if n not in used and not any(fnmatch.fnmatchcase(n, i) for i in ignored)]

    def _derived(self, model: Model, dtype: str | None) -> dict[str, DerivedTensor]:
        out: dict[str, DerivedTensor] = {}
        for holder in self._holders(model)[0]:
            for i, name in enumerate(holder.theirs):
                if name in out:
                    raise SavingError(f"[WeightTable] expected one row for {name}, got {holder.rule!r} and another.")
                out[name] = DerivedTensor(holder, i, dtype)
        return out
