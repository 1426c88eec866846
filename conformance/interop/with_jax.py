"""A kfront model in JAX's hands: a pytree, and pure functions of its values."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..suite import close
from .common import RATE, Check, batches, compiled, fit, fitted, made, outputs, running_mean

__all__ = ["CHECKS"]

SAME = 1e-5


def _cross_entropy(p: Any, y: Any) -> Any:
    import jax.numpy as jnp

    return -jnp.mean(jnp.log(jnp.take_along_axis(p, y[:, None].astype("int32"), axis=1)))


def pytree(family: str) -> None:
    """The leaves are the values of all variables; a model goes through `tree.map` and comes out a model."""
    import jax

    model = made(family)
    want = outputs(model, family)
    leaves, structure = jax.tree_util.tree_flatten(model)
    assert [x.shape for x in leaves] == [v.shape for v in model.variables]
    twin = jax.tree_util.tree_unflatten(structure, leaves)
    assert type(twin) is type(model) and np.array_equal(outputs(twin, family), want)
    zero = jax.tree.map(lambda a: a * 0, model)
    close(outputs(zero, family), np.full_like(want, 0.2), SAME, what="all weights zero")
    assert np.array_equal(outputs(model, family), want), "tree.map changed the model"


def jit(family: str) -> None:
    """`jax.jit` over a model: compiled once for all models of one structure."""
    import jax

    model = made(family)
    run = jax.jit(lambda model, x: model(x))
    x = model._kf_backend.convert(batches(family)[0][0])
    close(run(model, x), outputs(model, family), SAME, SAME)
    zero = jax.tree.map(lambda a: a * 0, model)
    close(run(zero, x), np.full((len(x), 5), 0.2), SAME, what="all weights zero")
    assert run._cache_size() == 1, f"compiled {run._cache_size()} times"


def grad(family: str) -> None:
    """`jax.grad` by a model gives a model of gradients: those of `value_and_grad` by its variables."""
    import jax

    model = made(family)
    b = model._kf_backend
    x, y = map(b.convert, batches(family)[0])
    found = jax.jit(jax.grad(lambda model: _cross_entropy(model(x), y), allow_int=True))(model)
    by_path = {v.path: np.asarray(g) for v, g in zip(model.variables, jax.tree.leaves(found), strict=True)}
    _, _, wanted = b.value_and_grad(lambda: (_cross_entropy(model(x), y), None), model.trainable_variables, [])
    for v, w in zip(model.trainable_variables, wanted, strict=True):
        close(by_path[v.path], w, 1e-4, 1e-6, f"gradient of {v.path}")


def stateless(family: str) -> None:
    """A loop of `stateless_call` and `stateless_apply` gives the losses of `fit`, and leaves the model as it was."""
    import jax

    model = compiled(family)
    model.optimizer.build(model.trainable_variables)
    before = [v.numpy() for v in model.variables]

    def forward(train: Any, rest: Any, x: Any, y: Any) -> Any:
        p, rest = model.stateless_call(train, rest, x, training=True)
        return _cross_entropy(p, y), rest

    @jax.jit
    def step(train: Any, rest: Any, slots: Any, x: Any, y: Any) -> Any:
        (loss, rest), grads = jax.value_and_grad(forward, has_aux=True)(train, rest, x, y)
        train, slots = model.optimizer.stateless_apply(slots, grads, train)
        return train, rest, slots, loss

    lists = (model.trainable_variables, model.non_trainable_variables, model.optimizer.variables)
    train, rest, slots = ([v.value for v in vs] for vs in lists)
    losses = []
    for x, y in batches(family):
        train, rest, slots, loss = step(train, rest, slots, x, y)
        losses.append(float(loss))
    close(running_mean(losses), fitted("jax", family), SAME, what="losses")
    for v, w in zip(model.variables, before, strict=True):
        assert np.array_equal(v.numpy(), w), f"{v.path} was changed"
    for values, vs in zip((train, rest), lists, strict=False):
        for v, value in zip(vs, values, strict=True):
            v.assign(value)
    trained = compiled(family)
    fit(trained, family)
    close(outputs(model, family), outputs(trained, family), 1e-4, 1e-5, "outputs after training")


def optax_loop(family: str) -> None:
    """An optax loop over the values gives the losses of `fit`."""
    try:
        import optax
    except ImportError:
        return
    import jax

    model = made(family)
    optimizer = optax.sgd(RATE)

    def forward(train: Any, rest: Any, x: Any, y: Any) -> Any:
        p, rest = model.stateless_call(train, rest, x, training=True)
        return _cross_entropy(p, y), rest

    @jax.jit
    def step(train: Any, rest: Any, slots: Any, x: Any, y: Any) -> Any:
        (loss, rest), grads = jax.value_and_grad(forward, has_aux=True)(train, rest, x, y)
        updates, slots = optimizer.update(grads, slots, train)
        return optax.apply_updates(train, updates), rest, slots, loss

    train = [v.value for v in model.trainable_variables]
    rest = [v.value for v in model.non_trainable_variables]
    slots, losses = optimizer.init(train), []
    for x, y in batches(family):
        train, rest, slots, loss = step(train, rest, slots, x, y)
        losses.append(float(loss))
    close(running_mean(losses), fitted("jax", family), SAME, what="losses")


def transformed(family: str) -> None:
    """`vmap` over samples and `checkpoint` (remat) give the same."""
    import jax

    model = made(family)
    x = model._kf_backend.convert(batches(family)[0][0])
    want = outputs(model, family)
    close(jax.vmap(lambda row: model(row[None])[0])(x), want, 1e-4, 1e-5, "vmap")
    close(jax.checkpoint(lambda v: model(v))(x), want, SAME, SAME, "checkpoint")
    assert not any(isinstance(v._value, jax.core.Tracer) for v in model.variables), "a tracer was left in a variable"


CHECKS: dict[str, Check] = {
    "pytree": pytree,
    "jax.jit": jit,
    "jax.grad": grad,
    "stateless_call loop": stateless,
    "optax loop": optax_loop,
    "vmap, checkpoint": transformed,
}
