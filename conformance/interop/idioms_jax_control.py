"""Idioms of JAX: control flow, sharding, export, and calls back to Python."""

from __future__ import annotations

from typing import Any

import jax
import jax.experimental
import jax.export
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from .idioms import Rows
from .jax_pairs import CONV, EMBEDDING, LINEAR, MLP, NORM, Made

__all__ = ["ROWS"]

LAX, SHARD, EXPORT, HOST = Rows("jax.lax"), Rows("jax.sharding"), Rows("jax.export"), Rows("jax.debug")


# ---- control flow ----------------------------------------------------------------------------------------------------


@LAX.of("scan with a model in the carry", MLP)
@LAX.of("scan with a layer in the carry", NORM)
def _(s: Made) -> Any:
    def step(layer: Any, _: Any) -> Any:
        loss, grads = jax.value_and_grad(s.loss)(layer)
        return jax.tree.map(lambda p, g: p - 0.1 * g, layer, grads), loss

    layer, losses = lax.scan(step, s.layer, None, length=5)
    return losses, layer(s.x)


@LAX.of("scan over batches", MLP)
def _(s: Made) -> Any:
    _, out = lax.scan(lambda c, x: (c, s.layer(x[None])[0]), None, s.x)
    return out


@LAX.of("scan over stacked layers", NORM)
def _(s: Made) -> Any:
    stacked = jax.tree.map(lambda *xs: jnp.stack(xs), *[s.make(i) for i in range(3)])
    return lax.scan(lambda x, layer: (layer(x), x.sum()), s.x, stacked)


@LAX.of("scan of checkpointed stacked layers, gradient", NORM)
def _(s: Made) -> Any:
    stacked = jax.tree.map(lambda *xs: jnp.stack(xs), *[s.make(i) for i in range(3)])

    def deep(stacked: Any) -> Any:
        body = jax.checkpoint(lambda x, layer: (layer(x), None))
        return jnp.sum(lax.scan(body, s.x, stacked)[0] ** 3)

    return jax.tree.leaves(jax.grad(deep)(stacked))


@LAX.of("fori_loop with a model", MLP)
def _(s: Made) -> Any:
    step = lambda i, m: jax.tree.map(lambda p, g: p - 0.1 * g, m, jax.grad(s.loss)(m))  # noqa: E731
    return lax.fori_loop(0, 4, step, s.layer)(s.x)


@LAX.of("while_loop with a model", MLP)
def _(s: Made) -> Any:
    step = lambda c: (c[0] + 1, jax.tree.map(lambda p: p * 0.9, c[1]))  # noqa: E731
    count, layer = lax.while_loop(lambda c: (s.loss(c[1]) > 0.05) & (c[0] < 50), step, (0, s.layer))
    return count, layer(s.x)


@LAX.of("cond between two models", MLP)
@LAX.of("cond between two layers", LINEAR)
def _(s: Made) -> Any:
    run = jax.jit(lambda p, a, b: lax.cond(p, lambda: a(s.x), lambda: b(s.x)))
    return run(True, s.layer, s.make(1)), run(False, s.layer, s.make(1))


@LAX.of("cond gives a model", MLP)
def _(s: Made) -> Any:
    pick = jax.jit(lambda p, a, b: lax.cond(p, lambda a, b: a, lambda a, b: b, a, b))
    return pick(True, s.layer, s.make(1))(s.x), pick(False, s.layer, s.make(1))(s.x)


@LAX.of("switch over layers", NORM)
def _(s: Made) -> Any:
    branches = [lambda x, m=s.make(i): m(x) for i in range(3)]
    return jax.jit(lambda i: lax.switch(i, branches, s.x))(1), lax.switch(2, branches, s.x)


@LAX.of("select of models", MLP)
def _(s: Made) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(a > b, a, b), s.layer, s.make(1))(s.x)


@LAX.of("map over samples", CONV)
@LAX.of("map over samples: Embedding", EMBEDDING)
def _(s: Made) -> Any:
    return lax.map(lambda x: s.layer(x[None])[0], s.x)


@LAX.of("associative_scan of outputs", LINEAR)
def _(s: Made) -> Any:
    return lax.associative_scan(jnp.add, s.layer(s.x))


@LAX.of("custom_root with a layer", LINEAR)
def _(s: Made) -> Any:
    solve = lambda f, x: lax.fori_loop(0, 30, lambda i, x: x - 0.2 * f(x), x)  # noqa: E731
    f = lambda y: y - jnp.tanh(s.layer(s.x))  # noqa: E731
    return lax.custom_root(f, jnp.zeros((5, 3)), solve, lambda g, y: y / g(jnp.ones_like(y)))


@LAX.of("optimization_barrier", MLP)
def _(s: Made) -> Any:
    return lax.optimization_barrier(s.layer)(s.x)


# ---- several devices -------------------------------------------------------------------------------------------------


def mesh() -> Mesh:
    """A mesh of one device, with two axes."""
    return Mesh(np.array(jax.devices()[:1]).reshape(1, 1), ("data", "model"))


@SHARD.of("device_put of a layer on a mesh", LINEAR)
@SHARD.of("device_put of a model on a mesh", MLP)
def _(s: Made) -> Any:
    placed = jax.device_put(s.layer, NamedSharding(mesh(), P()))
    return jax.jit(lambda layer, x: layer(x))(placed, s.x), [str(x.sharding.spec) for x in jax.tree.leaves(placed)]


@SHARD.of("shardings by leaf", MLP)
def _(s: Made) -> Any:
    specs = jax.tree.map(lambda x: NamedSharding(mesh(), P(None, "model") if x.ndim > 1 else P()), s.layer)
    placed = jax.tree.map(jax.device_put, s.layer, specs)
    return placed(s.x), [str(x.sharding.spec) for x in jax.tree.leaves(placed)]


@SHARD.of("in_shardings and out_shardings of jit", MLP)
def _(s: Made) -> Any:
    whole, rows = NamedSharding(mesh(), P()), NamedSharding(mesh(), P("data"))
    run = jax.jit(lambda layer, x: layer(x), in_shardings=(whole, rows), out_shardings=rows)
    return run(s.layer, s.x), str(run(s.layer, s.x).sharding.spec)


@SHARD.of("a tree of shardings as in_shardings", LINEAR)
def _(s: Made) -> Any:
    specs = jax.tree.map(lambda x: NamedSharding(mesh(), P()), s.layer)
    step = jax.jit(lambda layer: jax.tree.map(jnp.sin, layer), in_shardings=(specs,), out_shardings=specs)
    return step(s.layer)(s.x)


@SHARD.of("with_sharding_constraint of a model", MLP)
def _(s: Made) -> Any:
    whole = NamedSharding(mesh(), P())
    return jax.jit(lambda layer, x: lax.with_sharding_constraint(layer, whole)(x))(s.layer, s.x)


@SHARD.of("shard_map over the batch", MLP)
@SHARD.of("shard_map over the batch: Conv2D", CONV)
def _(s: Made) -> Any:
    run = jax.shard_map(lambda layer, x: layer(x), mesh=mesh(), in_specs=(P(), P("data")), out_specs=P("data"))
    return run(s.layer, s.x), jax.jit(run)(s.layer, s.x)


@SHARD.of("shard_map with the mean of gradients", MLP)
def _(s: Made) -> Any:
    def step(layer: Any, x: Any) -> Any:
        return jax.tree.map(lambda g: lax.pmean(g, "data"), jax.grad(s.loss)(layer, x))

    run = jax.shard_map(step, mesh=mesh(), in_specs=(P(), P("data")), out_specs=P(), check_vma=False)
    return jax.tree.leaves(jax.jit(run)(s.layer, s.x))


@SHARD.of("pmap over one device", MLP)
def _(s: Made) -> Any:
    return jax.pmap(lambda layer, x: layer(x), in_axes=(None, 0))(s.layer, s.x[None])[0]


@SHARD.of("sharding of what comes out", LINEAR)
def _(s: Made) -> Any:
    placed = jax.device_put(s.layer, NamedSharding(mesh(), P()))
    out = jax.jit(lambda layer: jax.tree.map(lambda x: x * 2, layer))(placed)
    return [x.sharding.is_fully_replicated for x in jax.tree.leaves(out)]


# ---- exported programs -----------------------------------------------------------------------------------------------


@EXPORT.of("a model that is closed over", MLP)
@EXPORT.of("a layer that is closed over", CONV)
@EXPORT.of("a layer that is closed over: Embedding", EMBEDDING)
def _(s: Made) -> Any:
    exported = jax.export.export(jax.jit(lambda x: s.layer(x)))(jax.ShapeDtypeStruct(s.x.shape, s.x.dtype))
    return jax.export.deserialize(exported.serialize()).call(s.x)


@EXPORT.of("with a size that is not known", MLP)
def _(s: Made) -> Any:
    (n,) = jax.export.symbolic_shape("n")
    exported = jax.export.export(jax.jit(lambda x: s.layer(x)))(jax.ShapeDtypeStruct((n, 4), jnp.float32))
    back = jax.export.deserialize(exported.serialize())
    return back.call(s.x), back.call(s.x[:3])


@EXPORT.of("of leaves, put together inside", MLP)
def _(s: Made) -> Any:
    leaves, structure = jax.tree.flatten(s.layer)
    run = jax.jit(lambda leaves, x: jax.tree.unflatten(structure, leaves)(x))
    exported = jax.export.export(run)(leaves, s.x)
    return jax.export.deserialize(exported.serialize()).call([2 * x for x in leaves], s.x)


@EXPORT.of("with its gradient", LINEAR)
def _(s: Made) -> Any:
    exported = jax.export.export(jax.jit(lambda x: s.layer(x)))(s.x)
    back = jax.export.deserialize(exported.serialize(vjp_order=1))
    return jax.grad(lambda x: back.call(x).sum())(s.x)


# ---- calls back to Python --------------------------------------------------------------------------------------------


@HOST.of("pure_callback beside a layer", MLP)
def _(s: Made) -> Any:
    def run(layer: Any, x: Any) -> Any:
        out = layer(x)
        return jax.pure_callback(lambda a: np.asarray(a) * 2, jax.ShapeDtypeStruct(out.shape, out.dtype), out)

    return jax.jit(run)(s.layer, s.x)


@HOST.of("debug.callback sees a layer's values", LINEAR)
def _(s: Made) -> Any:
    seen: list[Any] = []

    def run(layer: Any) -> Any:
        jax.debug.callback(lambda layer: seen.extend(np.asarray(x).sum() for x in jax.tree.leaves(layer)), layer)
        return layer(s.x)

    out = jax.jit(run)(s.layer)
    jax.effects_barrier()
    return out, seen


@HOST.of("io_callback in a loop", MLP)
def _(s: Made) -> Any:
    seen: list[Any] = []

    def step(layer: Any, _: Any) -> Any:
        jax.experimental.io_callback(lambda x: seen.append(float(x)), None, s.loss(layer), ordered=True)
        return jax.tree.map(lambda x: 0.9 * x, layer), None

    layer, _ = lax.scan(step, s.layer, None, length=3)
    jax.effects_barrier()
    return seen, layer(s.x)


ROWS = [*LAX, *SHARD, *EXPORT, *HOST]
