"""Nothing goes untested: every op that is declared, every public name and every transform has an entry in its table."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator

from .suite import Case

__all__ = ["cases"]

# public names of kfront.ops that have no row, and where they are tested
_ELSEWHERE = {
    "dtype": "tests/ops: it returns a name",
    "grad": "tests/ops/test_control_and_random.py: it returns a function, and is `kfront.grad` of a sum",
}
_TRANSFORMS_ELSEWHERE = dict.fromkeys(
    ("merge", "partition"), "tests/interop/test_jax_training.py: of models, on JAX only"
)


def cases(backends: list[str], quick: bool) -> Iterator[Case]:
    """One case for each op and transform, and one for each op whose inputs are drawn."""
    from kfront import transforms

    for name in _names():
        yield Case("coverage", f"{name}/has an entry", "all", _check_op(name))
        yield Case("coverage", f"{name}/has inputs", "all", _check_inputs(name))
    for name in sorted({*transforms.__all__} - set(_TRANSFORMS_ELSEWHERE)):
        yield Case("coverage", f"{name}/has rows", "all", _check_transform(name))


def _names() -> list[str]:
    import kfront.ops
    import kfront.random
    from kfront.core.op import OPS

    public = [n for n in dir(kfront.ops) if not isinstance(getattr(kfront.ops, n), types.ModuleType)]
    public += [n for n in dir(kfront.random) if not isinstance(getattr(kfront.random, n), type)]
    return sorted({*OPS, *public} - set(_ELSEWHERE))


def _check_transform(name: str) -> Callable[[], None]:
    def check() -> None:
        from .transforms.table import TRANSFORMS

        assert TRANSFORMS.get(name), f"expected rows for `{name}` in conformance/transforms/table.py."

    return check


def _check_inputs(name: str) -> Callable[[], None]:
    def check() -> None:
        from .ops.families import WITHOUT, families
        from .ops.samples import aliases, table

        entry = table().get(name)
        drawn, without = name in families(), name in WITHOUT
        needed = entry is not None and not entry.random and name not in aliases()
        assert drawn + without == needed, f"expected `{name}` once in conformance/ops/families.py."

    return check


def _check_op(name: str) -> Callable[[], None]:
    from .ops.samples import aliases, function_of, table

    def check() -> None:
        if name in aliases():
            assert function_of(name) is function_of(aliases()[name]), (
                f"expected `{name}` to be `{aliases()[name]}` itself."
            )
            return
        entry = table().get(name)
        assert entry is not None, f"expected an entry for `{name}` in conformance/ops/table_*.py."
        assert entry.random or (entry.samples and entry.reference), f"expected samples and a reference for `{name}`."

    return check
