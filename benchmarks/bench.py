"""One engine with what is measured on it."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any

from benchmarks.timing import Row, paired

__all__ = ["Bench"]


class Bench:
    """One engine's candidates.

    Attributes:
        engine: "torch", "jax", "tensorflow" or "numpy".
        kfront, keras: the modules; `keras` may be None.
        native: the module with code by hand, None for numpy.
        rounds: rounds of paired timing.
        parts: names of the single layers, and of the models that are fitted, that are measured; all if empty.
    """

    def __init__(self, engine: str, with_keras: bool, rounds: int, parts: tuple[str, ...] = ()) -> None:
        os.environ["KERAS_BACKEND"] = engine
        import kfront

        self.engine, self.rounds, self.parts = engine, rounds, parts
        self.kfront: Any = kfront
        kfront.config.set_backend(engine)
        self.native: Any = None if engine == "numpy" else importlib.import_module(f"benchmarks.native_{engine}")
        self.keras: Any = importlib.import_module("keras") if with_keras else None
        if engine == "torch":
            import torch

            torch.set_num_threads(1)

    def wants(self, name: str) -> bool:
        """Whether a layer or a model is measured."""
        return not self.parts or name in self.parts

    def apis(self) -> dict[str, Any]:
        """The frontends that are measured."""
        return {"kfront": self.kfront, **({"keras": self.keras} if self.keras is not None else {})}

    def ratio(
        self,
        name: str,
        native: Callable[[], Any],
        of: Callable[[Any], Callable[[], Any]],
        limit: float | None,
        n: int = 1,
        settle: Callable[[], Any] | None = None,
    ) -> Row:
        """A row of ratios to `native`; `settle` is called before each candidate, untimed."""
        candidates = {"native": native, **{k: of(api) for k, api in self.apis().items()}}
        ratios, base, spread = paired(candidates, n, self.rounds, settle)
        return Row(name, "x", ratios["kfront"], ratios.get("keras"), base, limit, spread)
