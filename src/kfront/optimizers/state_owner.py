"""What an optimizer owns: its Variables, their names, and how they are saved and restored."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kfront import initializers
from kfront.core.errors import ArgumentError, NotBuiltError
from kfront.core.naming import name_scope
from kfront.core.typing import Backend, DTypeLike, InitializerLike, ShapeLike, Store, TensorLike
from kfront.core.variable import Variable

if TYPE_CHECKING:
    from kfront.distribution import TensorLayout


class StateOwner:
    """Base of `Optimizer`: makes the Variables of its state and puts their values into files."""

    name: str
    built: bool
    _kf_backend: Backend
    _variables: list[Variable]

    def _kf_new_variable(
        self, value: TensorLike, dtype: str, name: str | None, aggregation: str, shape: ShapeLike | None = None
    ) -> Variable:
        made = Variable(value, shape, dtype, trainable=False, autocast=False, aggregation=aggregation, name=name)
        self._variables.append(made)
        return made

    @property
    def variables(self) -> list[Variable]:
        """Every Variable of the optimizer: step, learning rate (unless it is a schedule), averages, slots."""
        return list(self._variables)

    @property
    def _kf_saved_variables(self) -> list[Variable]:
        """Those that files hold under the optimizer's own name."""
        return self._variables

    def add_variable(
        self,
        shape: ShapeLike,
        initializer: InitializerLike = "zeros",
        dtype: DTypeLike = None,
        aggregation: str = "none",
        layout: TensorLayout | None = None,
        name: str | None = None,
    ) -> Variable:
        """Add a Variable to the optimizer's state.

        Args:
            shape: its shape.
            initializer: name of an initializer, or a callable.
            dtype: dtype name; floatx if None.
            aggregation: how replicas are combined.
            layout: a `kfront.distribution.TensorLayout`; that of the current distribution if None.
            name: its name.

        Returns:
            The Variable.
        """
        with self._kf_backend.eager(), name_scope(self.name, caller=self):
            made = Variable(
                initializers.get(initializer),
                shape,
                dtype,
                trainable=False,
                aggregation=aggregation,
                layout=layout,
                name=name,
            )
        self._variables.append(made)
        return made

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: InitializerLike = "zeros"
    ) -> Variable:
        """Add a Variable with the shape and dtype of a variable that is optimized.

        Args:
            reference_variable: the variable it belongs to.
            name: what it is; its full name is the path of `reference_variable` with this behind it.
            initializer: name of an initializer, a callable, or a value.

        Returns:
            The Variable.
        """
        path = getattr(reference_variable, "path", None) or reference_variable.name
        full = path.replace("/", "_") + f"_{name or 'slot'}"
        layout = getattr(reference_variable, "_layout", None)
        slot = self.add_variable(
            reference_variable.shape, initializer, reference_variable.dtype, layout=layout, name=full
        )
        if layout is None:
            slot._lay_out_like(reference_variable)
        return slot

    def add_optimizer_variables(
        self,
        trainable_variables: Sequence[Variable],
        name: str | Sequence[str],
        initializer: InitializerLike | Sequence[InitializerLike] = "zeros",
    ) -> Any:
        """Add one state Variable, or several, for each variable that is optimized.

        Args:
            trainable_variables: the variables.
            name: what the state is, or a list of such names.
            initializer: one for all, or a list as long as `name`.

        Returns:
            A list of Variables; for a list of names a tuple of such lists.

        Raises:
            ArgumentError: if the lists differ in length.
        """
        several = not isinstance(name, str)
        names = list(name) if several else [name]
        inits: list[Any] = list(initializer) if isinstance(initializer, (list, tuple)) else [initializer] * len(names)
        if len(inits) != len(names):
            raise ArgumentError(
                f"[{self.name}] expected one initializer for each of {len(names)} names, got {len(inits)}."
            )
        out: tuple[list[Any], ...] = tuple([] for _ in names)
        for v in trainable_variables:
            for found, n, init in zip(out, names, inits, strict=True):
                found.append(None if v.overwrite_with_gradient else self.add_variable_from_reference(v, n, init))
        return out if several else out[0]

    def save_own_variables(self, store: Store) -> None:
        """Put each variable's value into `store` under its position.

        Args:
            store: dict-like.
        """
        for i, v in enumerate(self.variables):
            store[str(i)] = v.numpy()

    def load_own_variables(self, store: Store) -> None:
        """Set the variables from `store`; with another number of values in it, warn and set none.

        Args:
            store: dict-like, as `save_own_variables` filled it.
        """
        mine = self.variables
        if len(store.keys()) != len(mine):
            warnings.warn(
                f"[{self.name}] expected {len(mine)} saved values, got {len(store.keys())}: the optimizer's state was "
                "not loaded; it has its initial values.",
                stacklevel=2,
            )
            return
        for i, v in enumerate(mine):
            v.assign(store[str(i)])

    def set_weights(self, weights: Sequence[TensorLike]) -> None:
        """Set all variables.

        Args:
            weights: one array for each of `variables`.

        Raises:
            NotBuiltError: the optimizer is not built.
            ArgumentError: wrong number or shape of arrays.
        """
        if not self.built:
            raise NotBuiltError(
                f"[{self.name}] expected to be built before `set_weights`, got an unbuilt optimizer; call "
                "`optimizer.build(variables)` first."
            )
        mine = self.variables
        if len(weights) != len(mine):
            raise ArgumentError(f"[{self.name}] expected {len(mine)} arrays, got {len(weights)}.")
        for v, w in zip(mine, weights, strict=True):
            v.assign(w)
