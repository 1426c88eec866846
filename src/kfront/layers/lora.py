"""Low-rank adaptation (LoRA): a frozen weight plus a trained product of two thin matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kfront import ops
from kfront.core.errors import ArgumentError, NotBuiltError
from kfront.core.options import positive
from kfront.core.typing import Config, InitializerLike, Store, Tensor
from kfront.core.variable import read
from kfront.layers.derived_weight import DerivedWeight
from kfront.layers.options import OptionLayer, second_name

if TYPE_CHECKING:
    from kfront.core.variable import Variable


class LowRankWeight(DerivedWeight):
    """The weight ``base + scale * a @ b``, computed when it is read.

    Args:
        base: the frozen Variable.
        a: Variable of shape (*base.shape[:-1], rank).
        b: Variable of shape (rank, base.shape[-1]).
        scale: factor.
    """

    def __init__(self, base: Any, a: Variable, b: Variable, scale: float) -> None:
        super().__init__(base)
        self.base, self.a, self.b, self.scale = base, a, b, scale

    @property
    def value(self) -> Tensor:
        """The native tensor."""
        return ops.add(read(self.base), ops.multiply(ops.matmul(read(self.a), read(self.b)), self.scale))

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return self.base.shape

    def __repr__(self) -> str:
        return f"<LowRankWeight of {self.base.path}, shape={self.shape}, rank={self.b.shape[0]}>"


class LoraLayer(OptionLayer):
    """A layer with one weight that can be adapted by a product of low rank.

    Attributes:
        lora_rank: rank of the product, None without one.
        lora_alpha: the product is scaled by lora_alpha / lora_rank.
        lora_enabled: whether there is one.
    """

    lora_rank: int | None = None
    lora_alpha: float | None = None
    _adapted = "kernel"  # the weight's attribute and name
    _kernel = second_name("kernel")
    _base: Any = None

    @property
    def _adapted_weight(self) -> Any:
        """The weight as a Variable, or what is computed from some."""
        weight = getattr(self, self._adapted)
        return getattr(weight, "_handle", weight)

    def _set_lora(self, rank: object, alpha: Any) -> None:
        if rank is not None:
            self.lora_rank = positive(self, "lora_rank", rank)
            self.lora_alpha = self.lora_rank if alpha is None else alpha

    def _start_lora(self) -> None:
        """To be called at the end of `build`."""
        if self.lora_rank is not None:
            self.enable_lora(self.lora_rank, lora_alpha=self.lora_alpha)

    def enable_lora(
        self,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: InitializerLike = "he_uniform",
        b_initializer: InitializerLike = "zeros",
    ) -> None:
        """Freeze the weight and train a product of two matrices that is added to it.

        Args:
            rank: length of the inner axis of the product.
            lora_alpha: the product is scaled by lora_alpha / rank; `rank` if None.
            a_initializer: first values of the first matrix.
            b_initializer: first values of the second matrix; zeros leave the layer as it is.

        Raises:
            NotBuiltError: if the weight does not exist yet.
            ArgumentError: if there is such a product already, or the weight has a constraint.
        """
        name = self._adapted
        base = self._adapted_weight
        if self.lora_enabled:
            raise ArgumentError(f"[{self.name}] expected `enable_lora` to be called once, it was called before.")
        if base is None:
            raise NotBuiltError(f"[{self.name}] expected a built layer for `enable_lora`; call it on data first.")
        if getattr(self, f"{name}_constraint", base.constraint) is not None:
            raise ArgumentError(
                f"[{self.name}] expected no `{name}_constraint` together with LoRA: the sum would escape it; remove it."
            )
        self._set_lora(rank, lora_alpha)
        a = self._lora_weight("a", (*base.shape[:-1], rank), a_initializer)
        b = self._lora_weight("b", (rank, base.shape[-1]), b_initializer)
        base.trainable = False
        setattr(self, f"lora_{name}_a", a)
        setattr(self, f"lora_{name}_b", b)
        if any(v is base for v in self._kf_own_variables):
            self._base = base  # keeps it among the variables
        self._adapt(a, b)

    def _adapt(self, a: Variable, b: Variable) -> None:
        """Put the sum in the weight's place."""
        name, rank = self._adapted, self.lora_rank or 1
        self.__dict__[name] = LowRankWeight(self._adapted_weight, a, b, (self.lora_alpha or rank) / rank)
        self.lora_enabled = True

    def _lora_weight(self, which: str, shape: tuple[int, ...], initializer: InitializerLike) -> Variable:
        regularizer = getattr(self, f"{self._adapted}_regularizer")
        return self.add_weight(
            name=f"lora_{self._adapted}_{which}", shape=shape, initializer=initializer, regularizer=regularizer
        )

    def _plain_variables(self) -> list[Variable]:
        """The variables of the layer as it is without the product."""
        weight = getattr(self, self._adapted)
        return [v for v in self._kf_ordered() if v is not weight.a and v is not weight.b]

    def save_own_variables(self, store: Store) -> None:
        """Write the variables; the product is added to the weight, so that any layer of this kind can read them."""
        if not self.lora_enabled:
            return super().save_own_variables(store)
        for i, v in enumerate(self._plain_variables()):
            store[f"{i}"] = (self._adapted_weight if v is self._adapted_weight.base else v).numpy()
        return None

    def load_own_variables(self, store: Store) -> None:
        """Read the variables; the product starts anew."""
        if not self.lora_enabled:
            return super().load_own_variables(store)
        own = self._plain_variables()
        if len(store.keys()) != len(own):
            raise ArgumentError(f"[{self.name}] expected {len(own)} variables in the file, got {len(store.keys())}.")
        for i, v in enumerate(own):
            v.assign(store[f"{i}"])
        second = getattr(self, self._adapted).b
        second.assign(np.zeros(second.shape, "float32"))
        return None

    def get_config(self) -> Config:
        """Constructor arguments."""
        config = super().get_config()
        if self.lora_rank is not None:
            config.update(lora_rank=self.lora_rank, lora_alpha=self.lora_alpha)
        return config
