"""Idioms of JAX's packages: optax, flax.nnx, equinox, orbax."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .idioms import Rows
from .jax_pairs import CONV, EMBEDDING, LINEAR, MLP, NORM, Made

__all__ = ["ROWS"]

OPTAX, NNX, EQX, ORBAX = Rows("optax"), Rows("flax.nnx"), Rows("equinox"), Rows("orbax")
NEEDS_OPTAX, NEEDS_FLAX, NEEDS_EQUINOX, NEEDS_ORBAX = ("optax",), ("flax",), ("equinox",), ("orbax.checkpoint",)


# ---- optax -----------------------------------------------------------------------------------------------------------


def trained(s: Made, optimizer: Any, steps: int = 3, **extra: Any) -> Any:
    """Losses, and what the model gives after some steps."""
    import optax

    @jax.jit
    def step(layer: Any, state: Any) -> Any:
        loss, grads = jax.value_and_grad(s.loss)(layer)
        more = {name: value(loss, grads) if callable(value) else value for name, value in extra.items()}
        updates, state = optimizer.update(grads, state, layer, **more)
        return optax.apply_updates(layer, updates), state, loss

    layer, state, losses = s.layer, optimizer.init(s.layer), []
    for _ in range(steps):
        layer, state, loss = step(layer, state)
        losses.append(loss)
    return losses, layer(s.x), step._cache_size()


def kernels(tree: Any) -> Any:
    """Where a tree has matrices."""
    return jax.tree.map(lambda x: x.ndim > 1, tree)


OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda o: o.sgd(0.1),
    "sgd with momentum": lambda o: o.sgd(0.1, momentum=0.9, nesterov=True),
    "adam": lambda o: o.adam(0.01),
    "adamw": lambda o: o.adamw(0.01, weight_decay=0.1),
    "adamw with a mask": lambda o: o.adamw(0.01, weight_decay=0.1, mask=kernels),
    "lion": lambda o: o.lion(0.01),
    "lamb": lambda o: o.lamb(0.01),
    "rmsprop": lambda o: o.rmsprop(0.01),
    "adafactor": lambda o: o.adafactor(0.01),
    "adagrad": lambda o: o.adagrad(0.1),
    "a schedule": lambda o: o.adam(o.warmup_cosine_decay_schedule(0.0, 0.1, 2, 5)),
    "chain and clip_by_global_norm": lambda o: o.chain(o.clip_by_global_norm(0.1), o.sgd(0.5)),
    "clip and scale": lambda o: o.chain(o.clip(0.01), o.scale(-0.5)),
    "adaptive_grad_clip": lambda o: o.chain(o.adaptive_grad_clip(0.1), o.sgd(0.5)),
    "add_decayed_weights": lambda o: o.chain(o.add_decayed_weights(0.1, kernels), o.sgd(0.1)),
    "masked": lambda o: o.masked(o.sgd(0.1), kernels),
    "multi_transform": lambda o: o.multi_transform(
        {"matrix": o.adam(0.01), "rest": o.set_to_zero()},
        lambda tree: jax.tree.map(lambda x: "matrix" if x.ndim > 1 else "rest", tree),
    ),
    "partition (by labels)": lambda o: o.partition(
        {True: o.sgd(0.1), False: o.sgd(0.01)}, lambda tree: jax.tree.map(lambda x: x.ndim > 1, tree)
    ),
    "MultiSteps": lambda o: o.MultiSteps(o.sgd(0.1), every_k_schedule=2),
    "ema of updates": lambda o: o.chain(o.sgd(0.1), o.ema(0.9)),
    "inject_hyperparams": lambda o: o.inject_hyperparams(o.sgd)(learning_rate=0.1),
    "apply_if_finite": lambda o: o.apply_if_finite(o.sgd(0.1), 3),
    "apply_every": lambda o: o.chain(o.apply_every(2), o.sgd(0.1)),
    "lookahead-like trace": lambda o: o.chain(o.trace(0.9), o.scale_by_learning_rate(0.05)),
    "freeze by set_to_zero": lambda o: o.chain(o.sgd(0.1), o.masked(o.set_to_zero(), lambda t: jax.tree.map(
        lambda x: x.ndim == 1, t))),
}  # fmt: skip


def _optimizer(name: str) -> Callable[[Made], Any]:
    def use(s: Made) -> Any:
        import optax

        return trained(s, OPTIMIZERS[name](optax), steps=4)

    return use


for _name in OPTIMIZERS:
    OPTAX.of(_name, MLP, needs=NEEDS_OPTAX)(_optimizer(_name))
for _name, _pair in (("Conv2D", CONV), ("LayerNormalization", NORM), ("Dense", LINEAR)):
    OPTAX.of(f"adam: {_name}", _pair, needs=NEEDS_OPTAX)(_optimizer("adam"))


@OPTAX.of("state is structured as the model", MLP, needs=NEEDS_OPTAX)
def _(s: Made) -> Any:
    import optax

    state = optax.adam(0.1).init(s.layer)
    return jax.tree.structure(state[0].mu) == jax.tree.structure(s.layer), jax.tree.leaves(state[0].nu)


@OPTAX.of("incremental_update of a target", MLP, needs=NEEDS_OPTAX)
def _(s: Made) -> Any:
    import optax

    return optax.incremental_update(s.layer, s.make(1), 0.1)(s.x)


@OPTAX.of("periodic_update of a target", MLP, needs=NEEDS_OPTAX)
def _(s: Made) -> Any:
    import optax

    return [optax.periodic_update(s.layer, s.make(1), jnp.asarray(i), 2)(s.x) for i in (1, 2)]


@OPTAX.of("global_norm and tree utilities", MLP, needs=NEEDS_OPTAX)
def _(s: Made) -> Any:
    import optax

    grads = s.grads()
    moved = optax.tree.add_scale(s.layer, -0.1, grads)
    return optax.global_norm(grads), moved(s.x), optax.tree.vdot(grads, s.layer)


@OPTAX.of("lbfgs with a line search", LINEAR, needs=NEEDS_OPTAX)
def _(s: Made) -> Any:
    import optax

    optimizer = optax.lbfgs()
    layer, state = s.layer, optimizer.init(s.layer)
    value_and_grad = optax.value_and_grad_from_state(s.loss)
    for _ in range(3):
        value, grads = value_and_grad(layer, state=state)
        updates, state = optimizer.update(grads, state, layer, value=value, grad=grads, value_fn=s.loss)
        layer = optax.apply_updates(layer, updates)
    return s.loss(layer) < s.loss(s.layer), jax.tree.structure(layer) == jax.tree.structure(s.layer)


@OPTAX.of("reduce_on_plateau", MLP, needs=NEEDS_OPTAX)
def _(s: Made) -> Any:
    import optax

    optimizer = optax.chain(optax.sgd(0.1), optax.contrib.reduce_on_plateau(patience=1))
    return trained(s, optimizer, value=lambda loss, grads: loss)


@OPTAX.of("state saved and restored as leaves", MLP, needs=NEEDS_OPTAX)
def _(s: Made) -> Any:
    import optax

    optimizer = optax.adam(0.1)
    state = optimizer.update(s.grads(), optimizer.init(s.layer), s.layer)[1]
    leaves, structure = jax.tree.flatten(state)
    again = jax.tree.unflatten(structure, [np.asarray(x) for x in leaves])
    return jax.tree.leaves(optimizer.update(s.grads(), again, s.layer)[0])


# ---- flax.nnx --------------------------------------------------------------------------------------------------------


@NNX.of("jit over a layer", MLP, needs=NEEDS_FLAX)
def _(s: Made) -> Any:
    from flax import nnx

    return nnx.jit(lambda layer, x: layer(x))(s.layer, s.x)


@NNX.of("grad over a layer", LINEAR, needs=NEEDS_FLAX)
@NNX.of("grad over a layer: a model", MLP, needs=NEEDS_FLAX)
def _(s: Made) -> Any:
    from flax import nnx

    return jax.tree.leaves(nnx.grad(s.loss)(s.layer))


@NNX.of("beside an nnx module", MLP, needs=NEEDS_FLAX)
def _(s: Made) -> Any:
    from flax import nnx

    head = nnx.Linear(2, 3, rngs=nnx.Rngs(0))
    run = jax.jit(lambda layer, head, x: head(layer(x)))
    return run(s.layer, head, s.x)


@NNX.of("an attribute of an nnx module", MLP, needs=NEEDS_FLAX)
def _(s: Made) -> Any:
    from flax import nnx

    class Net(nnx.Module):
        def __init__(self, body: Any, rngs: Any) -> None:
            self.body, self.head = nnx.data(body), nnx.Linear(2, 3, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            return self.head(self.body(x))

    net = Net(s.layer, nnx.Rngs(0))
    return net(s.x), len(jax.tree.leaves(net)), nnx.jit(lambda net, x: net(x))(net, s.x)


@NNX.of("scan over layers", NORM, needs=NEEDS_FLAX)
def _(s: Made) -> Any:
    from flax import nnx

    stacked = jax.tree.map(lambda *xs: jnp.stack(xs), *[s.make(i) for i in range(3)])
    return nnx.scan(lambda x, layer: layer(x), in_axes=(nnx.Carry, 0), out_axes=nnx.Carry)(s.x, stacked)


@NNX.of("vmap over an ensemble", MLP, needs=NEEDS_FLAX)
def _(s: Made) -> Any:
    from flax import nnx

    stacked = jax.tree.map(lambda *xs: jnp.stack(xs), *[s.make(i) for i in range(3)])
    return nnx.vmap(lambda layer: layer(s.x))(stacked)


@NNX.of("flax.struct beside a layer", MLP, needs=NEEDS_FLAX)
def _(s: Made) -> Any:
    from flax import struct

    @struct.dataclass
    class State:
        model: Any
        step: int

    out = jax.jit(lambda state: state.replace(step=state.step + 1))(State(s.layer, 0))
    return out.model(s.x), out.step


@NNX.of("flax.serialization of leaves", MLP, needs=NEEDS_FLAX)
def _(s: Made) -> Any:
    from flax import serialization

    leaves, structure = jax.tree.flatten(s.layer)
    data = serialization.to_bytes(leaves)
    return jax.tree.unflatten(structure, serialization.from_bytes(leaves, data))(s.x)


@NNX.of("TrainState of flax.training", MLP, needs=(*NEEDS_FLAX, *NEEDS_OPTAX))
def _(s: Made) -> Any:
    import optax
    from flax.training.train_state import TrainState

    state = TrainState.create(apply_fn=lambda m, x: m(x), params={"model": s.layer}, tx=optax.adam(0.1))

    @jax.jit
    def step(state: Any) -> Any:
        loss, grads = jax.value_and_grad(lambda params: s.loss(params["model"]))(state.params)
        return state.apply_gradients(grads=grads), loss

    losses = []
    for _ in range(3):
        state, loss = step(state)
        losses.append(loss)
    return losses, state.params["model"](s.x), state.step


# ---- equinox ---------------------------------------------------------------------------------------------------------


@EQX.of("filter_jit", MLP, needs=NEEDS_EQUINOX)
@EQX.of("filter_jit: Embedding", EMBEDDING, needs=NEEDS_EQUINOX)
def _(s: Made) -> Any:
    import equinox as eqx

    return eqx.filter_jit(lambda layer, x: layer(x))(s.layer, s.x)


@EQX.of("filter_grad", MLP, needs=NEEDS_EQUINOX)
@EQX.of("filter_grad: Conv2D", CONV, needs=NEEDS_EQUINOX)
def _(s: Made) -> Any:
    import equinox as eqx

    return jax.tree.leaves(eqx.filter_grad(s.loss)(s.layer))


@EQX.of("filter_value_and_grad with aux", MLP, needs=NEEDS_EQUINOX)
def _(s: Made) -> Any:
    import equinox as eqx

    run = eqx.filter_value_and_grad(lambda m: (s.loss(m), m(s.x)), has_aux=True)
    (loss, out), grads = run(s.layer)
    return loss, out, jax.tree.leaves(grads)


@EQX.of("filter_vmap over an ensemble", MLP, needs=NEEDS_EQUINOX)
def _(s: Made) -> Any:
    import equinox as eqx

    stacked = jax.tree.map(lambda *xs: jnp.stack(xs), *[s.make(i) for i in range(3)])
    return eqx.filter_vmap(lambda layer, x: layer(x), in_axes=(0, None))(stacked, s.x)


@EQX.of("partition and combine", MLP, needs=NEEDS_EQUINOX)
def _(s: Made) -> Any:
    import equinox as eqx

    arrays, rest = eqx.partition(s.layer, eqx.is_inexact_array)
    grads = jax.grad(lambda a: s.loss(eqx.combine(a, rest)))(arrays)
    return eqx.combine(rest, arrays)(s.x), jax.tree.leaves(grads)


@EQX.of("partition by a tree of bools", MLP, needs=NEEDS_EQUINOX)
def _(s: Made) -> Any:
    import equinox as eqx

    chosen, rest = eqx.partition(s.layer, kernels(s.layer))
    return jax.tree.leaves(chosen), jax.tree.leaves(rest), eqx.combine(chosen, rest)(s.x)


@EQX.of("filter", MLP, needs=NEEDS_EQUINOX)
def _(s: Made) -> Any:
    import equinox as eqx

    return jax.tree.leaves(eqx.filter(s.layer, eqx.is_array)), jax.tree.leaves(
        eqx.filter(s.layer, lambda x: x.ndim > 1)
    )


@EQX.of("apply_updates", MLP, needs=(*NEEDS_EQUINOX, *NEEDS_OPTAX))
def _(s: Made) -> Any:
    import equinox as eqx
    import optax

    optimizer = optax.adam(0.1)
    state = optimizer.init(eqx.filter(s.layer, eqx.is_inexact_array))
    updates, _ = optimizer.update(eqx.filter_grad(s.loss)(s.layer), state)
    return eqx.apply_updates(s.layer, updates)(s.x)


@EQX.of("an attribute of an equinox module", MLP, needs=NEEDS_EQUINOX)
def _(s: Made) -> Any:
    import equinox as eqx

    class Net(eqx.Module):
        body: Any
        scale: Any

        def __call__(self, x: Any) -> Any:
            return self.body(x) * self.scale

    net = Net(s.layer, jnp.asarray(2.0))
    grads = eqx.filter_jit(eqx.filter_grad(lambda net: jnp.sum(net(s.x))))(net)
    return net(s.x), jax.tree.leaves(grads)


@EQX.of("tree_serialise_leaves", MLP, needs=NEEDS_EQUINOX)
def _(s: Made) -> Any:
    import equinox as eqx

    with tempfile.TemporaryDirectory() as folder:
        eqx.tree_serialise_leaves(f"{folder}/m.eqx", s.layer)
        return eqx.tree_deserialise_leaves(f"{folder}/m.eqx", s.make(1))(s.x)


@EQX.of("tree_equal", MLP, needs=NEEDS_EQUINOX)
def _(s: Made) -> Any:
    import equinox as eqx

    return bool(eqx.tree_equal(s.layer, s.make(0))), bool(eqx.tree_equal(s.layer, s.make(1)))


@EQX.of("filter_checkpoint", MLP, needs=NEEDS_EQUINOX)
def _(s: Made) -> Any:
    import equinox as eqx

    run = eqx.filter_checkpoint(lambda layer, x: layer(x))
    return jax.tree.leaves(eqx.filter_grad(lambda layer: jnp.sum(run(layer, s.x) ** 2))(s.layer))


@EQX.of("filter_eval_shape and filter_make_jaxpr", MLP, needs=NEEDS_EQUINOX)
def _(s: Made) -> Any:
    import equinox as eqx

    return eqx.filter_eval_shape(lambda layer, x: layer(x), s.layer, s.x).shape


@EQX.of("filter_closure_convert of a layer", MLP, needs=NEEDS_EQUINOX)
def _(s: Made) -> Any:
    import equinox as eqx

    return eqx.filter_closure_convert(lambda x: s.layer(x), s.x)(s.x)


# ---- orbax -----------------------------------------------------------------------------------------------------------


@ORBAX.of("leaves of a model", MLP, needs=NEEDS_ORBAX)
@ORBAX.of("leaves of a layer", CONV, needs=NEEDS_ORBAX)
def _(s: Made) -> Any:
    import orbax.checkpoint as ocp

    leaves, structure = jax.tree.flatten(s.layer)
    with tempfile.TemporaryDirectory() as folder, ocp.StandardCheckpointer() as saver:
        saver.save(Path(folder) / "c", leaves)
        saver.wait_until_finished()
        return jax.tree.unflatten(structure, saver.restore(Path(folder) / "c", leaves))(s.x)


@ORBAX.of("a dict of weights by path", MLP, needs=NEEDS_ORBAX)
def _(s: Made) -> Any:
    import orbax.checkpoint as ocp

    found, structure = jax.tree_util.tree_flatten_with_path(s.layer)
    named = {jax.tree_util.keystr(path): x for path, x in found}
    with tempfile.TemporaryDirectory() as folder, ocp.StandardCheckpointer() as saver:
        saver.save(Path(folder) / "c", named)
        saver.wait_until_finished()
        back = saver.restore(Path(folder) / "c", jax.tree.map(ocp.utils.to_shape_dtype_struct, named))
    return jax.tree.unflatten(structure, [back[jax.tree_util.keystr(path)] for path, _ in found])(s.x)


@ORBAX.of("PyTreeCheckpointer of a whole model", MLP, needs=NEEDS_ORBAX)
@ORBAX.of("PyTreeCheckpointer of a whole layer", LINEAR, needs=NEEDS_ORBAX)
def _(s: Made) -> Any:
    import orbax.checkpoint as ocp

    with tempfile.TemporaryDirectory() as folder:
        saver = ocp.PyTreeCheckpointer()
        saver.save(Path(folder) / "c", s.layer)
        back = saver.restore(Path(folder) / "c", item=s.make(1))
    return back(s.x), type(back) is type(s.layer)


@ORBAX.of("StandardCheckpointer of a model and its optimizer", MLP, needs=(*NEEDS_ORBAX, *NEEDS_OPTAX))
def _(s: Made) -> Any:
    import optax
    import orbax.checkpoint as ocp

    optimizer = optax.adam(0.1)
    tree = (s.layer, optimizer.update(s.grads(), optimizer.init(s.layer), s.layer)[1])
    with tempfile.TemporaryDirectory() as folder, ocp.StandardCheckpointer() as saver:
        saver.save(Path(folder) / "c", tree)
        saver.wait_until_finished()
        layer, state = saver.restore(Path(folder) / "c", jax.tree.map(jnp.zeros_like, (s.make(1), tree[1])))
    return layer(s.x), jax.tree.leaves(state)


@ORBAX.of("CheckpointManager with steps", MLP, needs=NEEDS_ORBAX)
def _(s: Made) -> Any:
    import orbax.checkpoint as ocp

    leaves, structure = jax.tree.flatten(s.layer)
    with tempfile.TemporaryDirectory() as folder:
        options = ocp.CheckpointManagerOptions(max_to_keep=2)
        with ocp.CheckpointManager(folder, options=options) as manager:
            for step in range(3):
                manager.save(step, args=ocp.args.StandardSave([x * step for x in leaves]))
            manager.wait_until_finished()
            steps = list(manager.all_steps())
            back = manager.restore(2, args=ocp.args.StandardRestore(leaves))
    return steps, jax.tree.unflatten(structure, back)(s.x)


ROWS = [*OPTAX, *NNX, *EQX, *ORBAX]
