"""Idioms of JAX: pytrees, `jit`, gradients, batches."""

from __future__ import annotations

import copy
import functools
import pickle
from typing import Any

import jax
import jax.flatten_util
import jax.numpy as jnp
from jax import tree_util

from .idioms import Rows
from .jax_pairs import CONV, EMBEDDING, LINEAR, MLP, NORM, Made, mixed

__all__ = ["ROWS"]

TREE, JIT, GRAD, VMAP = Rows("jax.tree_util"), Rows("jax.jit"), Rows("jax.grad"), Rows("jax.vmap")

# ---- pytrees ---------------------------------------------------------------------------------------------------------


@TREE.of("leaves: Dense", LINEAR)
@TREE.of("leaves: a model", MLP)
@TREE.of("leaves: Conv2D", CONV)
@TREE.of("leaves: LayerNormalization", NORM)
@TREE.of("leaves: Embedding", EMBEDDING)
def _(s: Made) -> Any:
    return tree_util.tree_leaves(s.layer), tree_util.tree_structure(s.layer).num_leaves


@TREE.of("flatten, unflatten and call", MLP)
@TREE.of("flatten, unflatten and call: Conv2D", CONV)
def _(s: Made) -> Any:
    leaves, structure = tree_util.tree_flatten(s.layer)
    again = tree_util.tree_unflatten(structure, [2 * x for x in leaves])
    return again(s.x), type(again) is type(s.layer), tree_util.tree_structure(again) == structure


@TREE.of("map over one", LINEAR)
@TREE.of("map over one: a model", MLP)
def _(s: Made) -> Any:
    out = tree_util.tree_map(jnp.abs, s.layer)
    return out(s.x), tree_util.tree_leaves(s.layer)


@TREE.of("map over two that were made alike (EMA)", LINEAR)
@TREE.of("map over two that were made alike (EMA): a model", MLP)
@TREE.of("map over two that were made alike (EMA): Conv2D", CONV)
def _(s: Made) -> Any:
    return tree_util.tree_map(mixed, s.layer, s.make(1))(s.x)


@TREE.of("map over a copy (target network)", MLP)
def _(s: Made) -> Any:
    target = copy.deepcopy(s.layer)
    step = tree_util.tree_map(lambda p, g: p - 0.1 * g, s.layer, s.grads())
    return tree_util.tree_map(mixed, target, step)(s.x), target(s.x)


@TREE.of("average of several (jax.tree.map of *xs)", MLP)
def _(s: Made) -> Any:
    return jax.tree.map(lambda *xs: sum(xs) / len(xs), *[s.make(i) for i in range(4)])(s.x)


@TREE.of("equal structures are equal and hash alike", MLP)
@TREE.of("equal structures are equal and hash alike: LayerNormalization", NORM)
def _(s: Made) -> Any:
    a, b = tree_util.tree_structure(s.layer), tree_util.tree_structure(s.make(2))
    return a == b, hash(a) == hash(b), len({a, b})


@TREE.of("structures of other layers differ", LINEAR)
def _(s: Made) -> Any:
    return tree_util.tree_structure(s.layer) == tree_util.tree_structure(tree_util.tree_leaves(s.layer))


@TREE.of("map of layers that differ is an error", LINEAR)
def _(s: Made) -> Any:
    try:
        tree_util.tree_map(jnp.add, s.layer, {"kernel": 1})
    except ValueError:
        return "ValueError"
    return "nothing"


@TREE.of("paths: as many as leaves, and distinct", MLP)
def _(s: Made) -> Any:
    found, _ = tree_util.tree_flatten_with_path(s.layer)
    return len({tree_util.keystr(path) for path, _ in found}), [x for _, x in found]


@TREE.of("map with path", MLP)
def _(s: Made) -> Any:
    return tree_util.tree_map_with_path(lambda path, x: x * ("bias" in tree_util.keystr(path)), s.layer)(s.x)


@TREE.of("reduce", MLP)
def _(s: Made) -> Any:
    return tree_util.tree_reduce(lambda total, x: total + x.size, s.layer, 0)


@TREE.of("all, and is_leaf", MLP)
def _(s: Made) -> Any:
    whole = jax.tree.leaves([s.layer, 1], is_leaf=lambda x: x is s.layer)
    return jax.tree.all(jax.tree.map(lambda x: x.dtype == jnp.float32, s.layer)), len(whole)


@TREE.of("transpose of a list of models", MLP)
def _(s: Made) -> Any:
    models = [s.make(i) for i in range(3)]
    out = jax.tree.transpose(jax.tree.structure([0, 0, 0]), jax.tree.structure(s.layer), models)
    return jax.tree.leaves(out)


@TREE.of("broadcast of a prefix", MLP)
def _(s: Made) -> Any:
    return tree_util.tree_leaves(jax.tree.broadcast(3, s.layer))


@TREE.of("leaves of any kind: masks, shapes, strings", LINEAR)
def _(s: Made) -> Any:
    mask = jax.tree.map(lambda x: x.ndim > 1, s.layer)
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), s.layer)
    return jax.tree.leaves(mask), [x.shape for x in jax.tree.leaves(shapes)], jax.tree.leaves(jax.tree.map(str, mask))


@TREE.of("None in place of leaves, and back", MLP)
def _(s: Made) -> Any:
    kernels = jax.tree.map(lambda x: x if x.ndim > 1 else None, s.layer)
    rest = jax.tree.map(lambda x: None if x.ndim > 1 else x, s.layer)
    again = jax.tree.map(lambda a, b: b if a is None else a, kernels, rest, is_leaf=lambda x: x is None)
    return jax.tree.leaves(kernels), again(s.x)


@TREE.of("attributes of what comes out, at once", LINEAR)
def _(s: Made) -> Any:
    return jnp.asarray(jax.tree.map(jnp.negative, s.layer).kernel), jnp.asarray(s.grads().bias)


@TREE.of("ravel_pytree", MLP)
@TREE.of("ravel_pytree: LayerNormalization", NORM)
def _(s: Made) -> Any:
    flat, back = jax.flatten_util.ravel_pytree(s.layer)
    return flat, back(flat * 0.5)(s.x)


@TREE.of("Partial of a layer", MLP)
def _(s: Made) -> Any:
    f = tree_util.Partial(lambda layer, x: layer(x), s.layer)
    return jax.jit(lambda f, x: f(x))(f, s.x), len(tree_util.tree_leaves(f))


@TREE.of("pickle", MLP)
@TREE.of("pickle: Conv2D", CONV)
def _(s: Made) -> Any:
    return pickle.loads(pickle.dumps(s.layer))(s.x)


@TREE.of("pickle of what comes out of jit", LINEAR)
def _(s: Made) -> Any:
    return pickle.loads(pickle.dumps(jax.jit(lambda m: jax.tree.map(jnp.tanh, m))(s.layer)))(s.x)


@TREE.of("deepcopy", MLP)
def _(s: Made) -> Any:
    twin = copy.deepcopy(s.layer)
    return twin(s.x), jax.tree.structure(twin) == jax.tree.structure(s.layer)


@TREE.of("device_put and device_get", MLP)
def _(s: Made) -> Any:
    moved = jax.device_put(s.layer, jax.devices()[0])
    return moved(s.x), [type(x).__name__ for x in jax.tree.leaves(jax.device_get(moved))]


@TREE.of("block_until_ready", MLP)
def _(s: Made) -> Any:
    return jax.block_until_ready(s.layer)(s.x)


@TREE.of("astype of every leaf", LINEAR)
def _(s: Made) -> Any:
    half = jax.tree.map(lambda x: x.astype(jnp.bfloat16), s.layer)
    return [str(x.dtype) for x in jax.tree.leaves(half)], jax.tree.leaves(jax.tree.map(jnp.float32, half))


# ---- jit -------------------------------------------------------------------------------------------------------------


@JIT.of("layer as argument", LINEAR)
@JIT.of("layer as argument: a model", MLP)
@JIT.of("layer as argument: Conv2D", CONV)
@JIT.of("layer as argument: LayerNormalization", NORM)
@JIT.of("layer as argument: Embedding", EMBEDDING)
def _(s: Made) -> Any:
    run = jax.jit(lambda layer, x: layer(x))
    return run(s.layer, s.x), run(s.make(1), s.x), run._cache_size()


@JIT.of("a layer itself", LINEAR)
@JIT.of("a layer itself: a model", MLP)
def _(s: Made) -> Any:
    return jax.jit(lambda x: s.layer(x))(s.x)


@JIT.of("layer as result", MLP)
@JIT.of("layer as result: Embedding", EMBEDDING)
def _(s: Made) -> Any:
    out = jax.jit(lambda layer: jax.tree.map(lambda x: x + 1, layer))(s.layer)
    return out(s.x), type(out) is type(s.layer)


@JIT.of("a training step, layer in and out", LINEAR)
@JIT.of("a training step, layer in and out: a model", MLP)
@JIT.of("a training step, layer in and out: Conv2D", CONV)
@JIT.of("a training step, layer in and out: LayerNormalization", NORM)
def _(s: Made) -> Any:
    @jax.jit
    def step(layer: Any, x: Any) -> Any:
        loss, grads = jax.value_and_grad(s.loss)(layer, x)
        return jax.tree.map(lambda p, g: p - 0.1 * g, layer, grads), loss

    layer, losses = s.layer, []
    for _ in range(4):
        layer, loss = step(layer, s.x)
        losses.append(loss)
    return losses, layer(s.x), step._cache_size()


@JIT.of("donated layer", MLP)
def _(s: Made) -> Any:
    step = jax.jit(lambda layer: jax.tree.map(lambda x: x * 0.5, layer), donate_argnums=0)
    layer = jax.tree.map(jnp.copy, s.layer)
    gone = jax.tree.leaves(layer)
    out = step(layer)
    return out(s.x), [x.is_deleted() for x in gone]


@JIT.of("donated by name", LINEAR)
def _(s: Made) -> Any:
    step = jax.jit(lambda *, layer: jax.tree.map(jnp.square, layer), donate_argnames="layer")
    return step(layer=jax.tree.map(jnp.copy, s.layer))(s.x)


@JIT.of("layers in containers", MLP)
def _(s: Made) -> Any:
    run = jax.jit(lambda state: {"out": state["online"](s.x) - state["target"][0](s.x), "model": state["online"]})
    out = run({"online": s.layer, "target": [s.make(1)]})
    return out["out"], out["model"](s.x)


@JIT.of("static argument beside a layer", MLP)
def _(s: Made) -> Any:
    run = jax.jit(lambda layer, n: sum(layer(s.x * i) for i in range(n)), static_argnums=1)
    return run(s.layer, 2), run(s.layer, 3)


@JIT.of("decorated method with partial", MLP)
def _(s: Made) -> Any:
    @functools.partial(jax.jit, static_argnames=("double",))
    def run(layer: Any, x: Any, double: bool = False) -> Any:
        return layer(x) * (2 if double else 1)

    return run(s.layer, s.x), run(s.layer, s.x, double=True)


@JIT.of("nested jit", MLP)
def _(s: Made) -> Any:
    inner = jax.jit(lambda layer, x: layer(x))
    return jax.jit(lambda layer, x: inner(layer, x) + inner(layer, 2 * x))(s.layer, s.x)


@JIT.of("lower and compile", LINEAR)
@JIT.of("lower and compile: a model", MLP)
def _(s: Made) -> Any:
    lowered = jax.jit(lambda layer, x: layer(x)).lower(s.layer, s.x)
    return lowered.compile()(s.layer, s.x), "dot" in lowered.as_text()


@JIT.of("eval_shape of a call", LINEAR)
@JIT.of("eval_shape of a call: Conv2D", CONV)
@JIT.of("eval_shape of a call: Embedding", EMBEDDING)
def _(s: Made) -> Any:
    out = jax.eval_shape(lambda layer, x: layer(x), s.layer, s.x)
    return out.shape, str(out.dtype)


@JIT.of("eval_shape of a step gives a layer of shapes", MLP)
def _(s: Made) -> Any:
    out = jax.eval_shape(lambda layer: jax.grad(s.loss)(layer), s.layer)
    return [(x.shape, str(x.dtype)) for x in jax.tree.leaves(out)], type(out) is type(s.layer)


@JIT.of("make_jaxpr", MLP)
def _(s: Made) -> Any:
    jaxpr = jax.make_jaxpr(lambda layer, x: layer(x))(s.layer, s.x)
    return len(jaxpr.in_avals), [x.shape for x in jaxpr.out_avals], "tanh" in str(jaxpr)


@JIT.of("disable_jit", MLP)
def _(s: Made) -> Any:
    with jax.disable_jit():
        return jax.jit(lambda layer, x: layer(x))(s.layer, s.x)


@JIT.of("checking_leaks", MLP)
def _(s: Made) -> Any:
    with jax.checking_leaks():
        return jax.jit(lambda layer, x: layer(x))(s.layer, s.x)


@JIT.of("debug_nans", MLP)
def _(s: Made) -> Any:
    with jax.debug_nans(True):
        try:
            jax.jit(lambda layer, x: jnp.log(-jnp.abs(layer(x))))(s.layer, s.x)
        except FloatingPointError as error:
            return "log" in str(error)
    return "nothing"


@JIT.of("default_matmul_precision", LINEAR)
def _(s: Made) -> Any:
    with jax.default_matmul_precision("highest"):
        return jax.jit(lambda layer, x: layer(x))(s.layer, s.x)


@JIT.of("named_scope and named_call", LINEAR)
def _(s: Made) -> Any:
    with jax.named_scope("block"):
        return jax.named_call(lambda layer, x: layer(x), name="call")(s.layer, s.x)


# ---- gradients -------------------------------------------------------------------------------------------------------


@GRAD.of("by the layer", LINEAR)
@GRAD.of("by the layer: a model", MLP)
@GRAD.of("by the layer: Conv2D", CONV)
@GRAD.of("by the layer: LayerNormalization", NORM)
@GRAD.of("by the layer: Embedding", EMBEDDING)
def _(s: Made) -> Any:
    found = s.grads()
    return jax.tree.leaves(found), type(found) is type(s.layer)


@GRAD.of("value_and_grad with aux", MLP)
@GRAD.of("value_and_grad with aux: Conv2D", CONV)
def _(s: Made) -> Any:
    def loss(layer: Any, x: Any) -> Any:
        out = layer(x)
        return jnp.sum(out**2), out

    (value, out), grads = jax.value_and_grad(loss, has_aux=True)(s.layer, s.x)
    return value, out, jax.tree.leaves(grads)


@GRAD.of("by the input", LINEAR)
@GRAD.of("by the input: a model", MLP)
@GRAD.of("by the input: LayerNormalization", NORM)
def _(s: Made) -> Any:
    return jax.grad(lambda x: s.loss(s.layer, x))(s.x)


@GRAD.of("by layer and input", MLP)
def _(s: Made) -> Any:
    by_layer, by_x = jax.grad(s.loss, argnums=(0, 1))(s.layer, s.x)
    return jax.tree.leaves(by_layer), by_x


@GRAD.of("jit of grad and grad of jit", MLP)
def _(s: Made) -> Any:
    return (
        jax.tree.leaves(jax.jit(jax.grad(s.loss))(s.layer)),
        jax.tree.leaves(jax.grad(jax.jit(s.loss))(s.layer)),
    )


@GRAD.of("global norm of a gradient", MLP)
def _(s: Made) -> Any:
    return jnp.sqrt(sum(jnp.vdot(g, g) for g in jax.tree.leaves(s.grads())))


@GRAD.of("accumulated gradients", MLP)
def _(s: Made) -> Any:
    parts = [jax.grad(s.loss)(s.layer, s.x[i : i + 4]) for i in (0, 4)]
    return jax.tree.leaves(jax.tree.map(lambda a, b: (a + b) / 2, *parts))


@GRAD.of("gradient of a gradient's norm", MLP)
def _(s: Made) -> Any:
    norm = lambda layer: sum(jnp.sum(g**2) for g in jax.tree.leaves(jax.grad(s.loss)(layer)))  # noqa: E731
    return jax.tree.leaves(jax.grad(norm)(s.layer))


@GRAD.of("jvp by the layer", MLP)
@GRAD.of("jvp by the layer: Conv2D", CONV)
def _(s: Made) -> Any:
    tangent = jax.tree.map(jnp.ones_like, s.layer)
    return jax.jvp(lambda layer: layer(s.x), (s.layer,), (tangent,))


@GRAD.of("vjp by the layer", MLP)
def _(s: Made) -> Any:
    out, back = jax.vjp(lambda layer, x: layer(x), s.layer, s.x)
    by_layer, by_x = back(jnp.ones_like(out))
    return jax.tree.leaves(by_layer), by_x


@GRAD.of("linearize", MLP)
def _(s: Made) -> Any:
    out, push = jax.linearize(lambda layer: layer(s.x), s.layer)
    return out, push(jax.tree.map(jnp.ones_like, s.layer))


@GRAD.of("linear_transpose of a linear layer's map", LINEAR)
def _(s: Made) -> Any:
    linear = lambda x: s.layer(x) - s.layer(jnp.zeros_like(x))  # noqa: E731
    return jax.vjp(linear, s.x)[1](jnp.ones((5, 3)))


@GRAD.of("jacfwd and jacrev by the input", LINEAR)
@GRAD.of("jacfwd and jacrev by the input: LayerNormalization", NORM)
def _(s: Made) -> Any:
    one = lambda x: s.layer(x[None])[0]  # noqa: E731
    return jax.jacfwd(one)(s.x[0]), jax.jacrev(one)(s.x[0])


@GRAD.of("jacrev by the layer", LINEAR)
def _(s: Made) -> Any:
    return jax.tree.leaves(jax.jacrev(lambda layer: layer(s.x[:1])[0])(s.layer))


@GRAD.of("hessian by the input", MLP)
def _(s: Made) -> Any:
    return jax.hessian(lambda x: s.loss(s.layer, x[None]))(s.x[0])


@GRAD.of("hessian-vector product by the layer", MLP)
def _(s: Made) -> Any:
    v = jax.tree.map(jnp.ones_like, s.layer)
    return jax.tree.leaves(jax.jvp(jax.grad(s.loss), (s.layer,), (v,))[1])


@GRAD.of("stop_gradient of the target network", MLP)
def _(s: Made) -> Any:
    def loss(online: Any, target: Any) -> Any:
        return jnp.mean((online(s.x) - jax.lax.stop_gradient(target(s.x))) ** 2)

    a, b = jax.grad(loss, argnums=(0, 1))(s.layer, s.make(1))
    return jax.tree.leaves(a), jax.tree.leaves(b)


@GRAD.of("stop_gradient of a layer", MLP)
def _(s: Made) -> Any:
    return jax.tree.leaves(jax.grad(lambda layer: s.loss(jax.lax.stop_gradient(layer)))(s.layer))


@GRAD.of("checkpoint", MLP)
@GRAD.of("checkpoint: Conv2D", CONV)
def _(s: Made) -> Any:
    run = jax.checkpoint(lambda layer, x: layer(x))
    return jax.tree.leaves(jax.grad(lambda layer: jnp.sum(run(layer, s.x) ** 2))(s.layer))


@GRAD.of("checkpoint with a policy", MLP)
def _(s: Made) -> Any:
    run = jax.checkpoint(lambda m, x: m(x), policy=jax.checkpoint_policies.dots_saveable)
    return jax.tree.leaves(jax.jit(jax.grad(lambda layer: jnp.sum(run(layer, s.x))))(s.layer))


@GRAD.of("custom_vjp around a layer", MLP)
@GRAD.of("custom_vjp around a layer: LayerNormalization", NORM)
def _(s: Made) -> Any:
    @jax.custom_vjp
    def clipped(layer: Any, x: Any) -> Any:
        return layer(x)

    def forward(layer: Any, x: Any) -> Any:
        return jax.vjp(lambda layer, x: layer(x), layer, x)

    def backward(back: Any, g: Any) -> Any:
        return back(jnp.clip(g, -0.1, 0.1))

    clipped.defvjp(forward, backward)
    return jax.tree.leaves(jax.grad(lambda layer: jnp.sum(clipped(layer, s.x) ** 2))(s.layer))


@GRAD.of("custom_jvp around a layer", LINEAR)
def _(s: Made) -> Any:
    @jax.custom_jvp
    def scaled(x: Any) -> Any:
        return s.layer(x)

    scaled.defjvp(lambda primals, tangents: (s.layer(*primals), 3.0 * jnp.ones((5, 3)) * tangents[0].sum()))
    return jax.grad(lambda x: scaled(x).sum())(s.x)


@GRAD.of("custom_gradient", MLP)
def _(s: Made) -> Any:
    f = jax.custom_gradient(lambda x: (s.layer(x), lambda g: 2 * jnp.ones_like(x) * g.sum()))
    return jax.grad(lambda x: f(x).sum())(s.x)


# ---- batches ---------------------------------------------------------------------------------------------------------


@VMAP.of("over samples", LINEAR)
@VMAP.of("over samples: a model", MLP)
@VMAP.of("over samples: LayerNormalization", NORM)
def _(s: Made) -> Any:
    return jax.vmap(lambda x: s.layer(x[None])[0])(s.x)


@VMAP.of("over samples, layer as argument", MLP)
@VMAP.of("over samples, layer as argument: Conv2D", CONV)
def _(s: Made) -> Any:
    return jax.vmap(lambda layer, x: layer(x[None])[0], in_axes=(None, 0))(s.layer, s.x)


@VMAP.of("over an ensemble", MLP)
@VMAP.of("over an ensemble: Dense", LINEAR)
@VMAP.of("over an ensemble: Embedding", EMBEDDING)
def _(s: Made) -> Any:
    ensemble = jax.tree.map(lambda *xs: jnp.stack(xs), *[s.make(i) for i in range(3)])
    return jax.vmap(lambda layer: layer(s.x))(ensemble), jax.vmap(lambda m: m(s.x), axis_size=3)(ensemble)


@VMAP.of("an ensemble comes out", MLP)
def _(s: Made) -> Any:
    out = jax.vmap(lambda scale: jax.tree.map(lambda x: x * scale, s.layer))(jnp.arange(3.0))
    return jax.tree.leaves(out), jax.tree.map(lambda x: x[1], out)(s.x)


@VMAP.of("training steps of an ensemble", MLP)
def _(s: Made) -> Any:
    ensemble = jax.tree.map(lambda *xs: jnp.stack(xs), *[s.make(i) for i in range(3)])

    @jax.jit
    @jax.vmap
    def step(layer: Any) -> Any:
        return jax.tree.map(lambda p, g: p - 0.1 * g, layer, jax.grad(s.loss)(layer))

    return jax.tree.leaves(step(step(ensemble)))


@VMAP.of("gradients of each sample", MLP)
@VMAP.of("gradients of each sample: Conv2D", CONV)
def _(s: Made) -> Any:
    one = lambda layer, x: jnp.sum(layer(x[None]) ** 2)  # noqa: E731
    return jax.tree.leaves(jax.vmap(jax.grad(one), in_axes=(None, 0))(s.layer, s.x))


@VMAP.of("a layer of axes as in_axes", LINEAR)
def _(s: Made) -> Any:
    axes = jax.tree.map(lambda x: 0 if x.ndim > 1 else None, s.layer)
    several = jax.tree.map(
        lambda a, x: x if a is None else jnp.stack([x, 2 * x]), axes, s.layer, is_leaf=lambda x: x is None
    )
    return jax.vmap(lambda layer: layer(s.x), in_axes=(axes,))(several)


@VMAP.of("vmap of vmap", MLP)
def _(s: Made) -> Any:
    return jax.vmap(jax.vmap(lambda x: s.layer(x[None])[0]))(s.x.reshape(2, 4, 4))


@VMAP.of("vmap with a named axis", MLP)
def _(s: Made) -> Any:
    return jax.vmap(lambda x: jax.lax.pmean(s.layer(x[None])[0], "batch"), axis_name="batch")(s.x)


ROWS = [*TREE, *JIT, *GRAD, *VMAP]
