"""Idioms of JAX and its packages that few programs use: key paths, policies, checks, rules of one's own, surgery."""

from __future__ import annotations

import dataclasses
import tempfile
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import tree_util
from jax.ad_checkpoint import checkpoint_name
from jax.experimental import checkify

from .idioms import Rows
from .jax_pairs import CONV, LINEAR, MLP, NORM, Made, mixed

__all__ = ["ROWS"]

TREES, GRAD, JIT, CHECKS, CONTROL = (Rows(n) for n in ("jax.tree_util", "jax.grad", "jax.jit", "checkify", "jax.lax"))
OPTAX, EQX, ORBAX, FLAX = Rows("optax"), Rows("equinox"), Rows("orbax"), Rows("flax.nnx")


@tree_util.register_dataclass
@dataclasses.dataclass
class State:
    """What a program trains, in a dataclass of its own."""

    layer: Any
    average: Any
    step: Any
    name: str = dataclasses.field(default="state", metadata={"static": True})


def state_of(s: Made) -> State:
    """One with a layer and another like it."""
    return State(s.layer, s.make(1), jnp.zeros((), "int32"))


# ---- trees -----------------------------------------------------------------------------------------------------------


@TREES.of("a dataclass with layers through jit and scan", MLP)
@TREES.of("a dataclass with layers through jit and scan: LayerNormalization", NORM)
def _(s: Made) -> Any:
    @jax.jit
    def run(state: State) -> Any:
        def step(state: State, _: Any) -> Any:
            layer = jax.tree.map(lambda a, g: a - 0.1 * g, state.layer, s.grads(state.layer))
            return State(layer, jax.tree.map(mixed, state.average, layer), state.step + 1), s.loss(layer)

        return jax.lax.scan(step, state, length=3)

    state, losses = run(state_of(s))
    return losses, state.step, state.layer(s.x), state.average(s.x), state.name


@TREES.of("key paths begin with where the layer is", MLP)
def _(s: Made) -> Any:
    paths = [path for path, _ in tree_util.tree_flatten_with_path({"net": [s.layer], "n": 1.0})[0]]
    return [tree_util.keystr(path[:2]) for path in paths], len({tree_util.keystr(p) for p in paths})


@TREES.of("leaves_with_path, and put back by map_with_path", CONV)
def _(s: Made) -> Any:
    found = {tree_util.keystr(p): x for p, x in jax.tree.leaves_with_path(s.layer)}
    again = jax.tree.map_with_path(lambda p, x: found[tree_util.keystr(p)] * 2, s.layer)
    return len(found), again(s.x)


@TREES.of("a layer as leaf of another tree", LINEAR)
def _(s: Made) -> Any:
    kind = type(s.layer)
    found = jax.tree.map(lambda m: m(s.x), [s.layer, {"a": s.make(1)}], is_leaf=lambda x: isinstance(x, kind))
    return found


@TREES.of("children by generate_key_paths and by one level", LINEAR)
def _(s: Made) -> Any:
    one_level = tree_util.tree_structure(s.layer).children()
    return (
        len(one_level) > 0,
        tree_util.tree_structure(s.layer).num_leaves,
        tree_util.tree_structure(s.layer).num_nodes > 1,
    )


@TREES.of("structures as keys of a dict", MLP)
def _(s: Made) -> Any:
    seen = {jax.tree.structure(s.layer): 1}
    return seen.get(jax.tree.structure(s.make(3))), seen.get(jax.tree.structure([s.layer]))


@TREES.of("leaves replaced by shapes, and checked against them", MLP)
def _(s: Made) -> Any:
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), s.layer)
    return jax.tree.map(
        lambda a, b: a.shape == b.shape and a.dtype == b.dtype, s.layer, shapes, is_leaf=None
    ) is not None, [tuple(x.shape) for x in jax.tree.leaves(shapes)]


# ---- derivatives -----------------------------------------------------------------------------------------------------


@GRAD.of("checkpoint keeps what has a name", MLP)
def _(s: Made) -> Any:
    policy = jax.checkpoint_policies.save_only_these_names("out")
    run = jax.checkpoint(lambda m: jnp.sum(checkpoint_name(m(s.x), "out") ** 2), policy=policy)
    return jax.tree.leaves(jax.jit(jax.grad(run))(s.layer))


for _name in ("everything_saveable", "nothing_saveable", "dots_saveable", "dots_with_no_batch_dims_saveable"):

    @GRAD.of(f"checkpoint policy {_name}", MLP)
    def _(s: Made, name: str = _name) -> Any:
        run = jax.checkpoint(s.loss, policy=getattr(jax.checkpoint_policies, name))
        return jax.tree.leaves(jax.grad(run)(s.layer))


@GRAD.of("custom_vjp whose rule gives a layer", LINEAR)
def _(s: Made) -> Any:
    @jax.custom_vjp
    def run(layer: Any, x: Any) -> Any:
        return layer(x)

    def forward(layer: Any, x: Any) -> Any:
        return layer(x), (layer, x)

    def backward(kept: Any, g: Any) -> Any:
        _, pull = jax.vjp(lambda layer, x: layer(x), *kept)
        by_layer, by_x = pull(g)
        return jax.tree.map(lambda v: jnp.clip(v, -0.1, 0.1), by_layer), by_x

    run.defvjp(forward, backward)
    return jax.tree.leaves(jax.grad(lambda m: jnp.sum(run(m, s.x) ** 2))(s.layer))


@GRAD.of("custom_jvp around a layer that is closed over", LINEAR)
def _(s: Made) -> Any:
    @jax.custom_jvp
    def run(x: Any) -> Any:
        return s.layer(x)

    @run.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        out, slope = jax.jvp(s.layer, primals, tangents)
        return out, slope * 0.5

    return jax.jacrev(run)(s.x[:1])


@GRAD.of("linearize by the layer, applied twice", MLP)
def _(s: Made) -> Any:
    out, push = jax.linearize(lambda m: m(s.x), s.layer)
    return out, push(s.layer), push(s.make(2))


@GRAD.of("vjp of a layer with structured cotangents, transposed", LINEAR)
def _(s: Made) -> Any:
    _, pull = jax.vjp(lambda m: {"a": m(s.x), "b": [m(s.x) * 2]}, s.layer)
    ones = jnp.ones((5, 3))
    return jax.tree.leaves(pull({"a": ones, "b": [ones]})[0])


@GRAD.of("Gauss-Newton product by the layer", MLP)
def _(s: Made) -> Any:
    f = lambda m: m(s.x)  # noqa: E731
    _, slope = jax.jvp(f, (s.layer,), (s.make(1),))
    return jax.tree.leaves(jax.vjp(f, s.layer)[1](slope)[0])


@GRAD.of("closure_convert of a loss", MLP)
def _(s: Made) -> Any:
    f, constants = jax.closure_convert(lambda x: s.loss(s.layer, x), s.x)
    return f(s.x, *constants)


# ---- jit -------------------------------------------------------------------------------------------------------------


@JIT.of("eval_shape of what makes a state", MLP)
def _(s: Made) -> Any:
    shapes = jax.eval_shape(lambda layer: State(layer, layer, jnp.zeros(())), s.layer)
    return [tuple(x.shape) for x in jax.tree.leaves(shapes)], shapes.name


@JIT.of("keep_unused and inline", LINEAR)
def _(s: Made) -> Any:
    inner = jax.jit(lambda m, x: m(x), inline=True)
    return jax.jit(lambda m, n, x: inner(m, x), keep_unused=True)(s.layer, s.make(1), s.x)


@JIT.of("cost and memory of what is compiled", MLP)
def _(s: Made) -> Any:
    found = jax.jit(lambda m, x: m(x)).lower(s.layer, s.x).compile()
    return found.cost_analysis()["flops"] > 0, found(s.layer, s.x)


@JIT.of("compiled ahead takes another of the kind", MLP)
def _(s: Made) -> Any:
    run = jax.jit(lambda m, x: m(x)).lower(s.layer, s.x).compile()
    return run(s.make(4), s.x)


@JIT.of("log_compiles and the cache is cleared", LINEAR)
def _(s: Made) -> Any:
    run = jax.jit(lambda m, x: m(x))
    first = run(s.layer, s.x)
    run.clear_cache()
    return first, run(s.make(1), s.x), run._cache_size()


# ---- checks and loops ------------------------------------------------------------------------------------------------


@CHECKS.of("a layer whose output is checked", MLP)
def _(s: Made) -> Any:
    def run(layer: Any, x: Any) -> Any:
        out = layer(x)
        checkify.check(jnp.all(jnp.abs(out) < 0.01), "too large")
        return out

    error, out = jax.jit(checkify.checkify(run))(s.layer, s.x)
    return error.get(), out


@CHECKS.of("NaN inside of a layer", LINEAR)
def _(s: Made) -> Any:
    broken = jax.tree.map(lambda v: v * jnp.nan, s.layer)
    error, _ = checkify.checkify(lambda m, x: m(x), errors=checkify.float_checks)(broken, s.x)
    return "nan generated by primitive" in (error.get() or "")


@CONTROL.of("map in batches with a layer", MLP)
def _(s: Made) -> Any:
    return jax.lax.map(s.layer, s.x[:, None], batch_size=3)


@CONTROL.of("while_loop until the loss is small", MLP)
def _(s: Made) -> Any:
    step = lambda c: (jax.tree.map(lambda a, g: a - 0.2 * g, c[0], s.grads(c[0])), c[1] + 1)  # noqa: E731
    layer, count = jax.lax.while_loop(lambda c: (s.loss(c[0]) > 0.05) & (c[1] < 40), step, (s.layer, 0))
    return count, s.loss(layer)


@CONTROL.of("reduce over a stack of layers", LINEAR)
def _(s: Made) -> Any:
    stacked = jax.tree.map(lambda *v: jnp.stack(v), s.layer, s.make(1), s.make(2))
    total, _ = jax.lax.scan(lambda c, m: (jax.tree.map(jnp.add, c, m), None), s.layer, stacked)
    return total(s.x)


# ---- packages --------------------------------------------------------------------------------------------------------


@OPTAX.of("multi_transform by key paths", MLP, needs=("optax",))
def _(s: Made) -> Any:
    import optax

    labels = lambda tree: jax.tree.map_with_path(lambda path, x: "matrix" if x.ndim > 1 else "rest", tree)  # noqa: E731
    optimizer = optax.multi_transform({"matrix": optax.adam(0.1), "rest": optax.sgd(0.01)}, labels)
    state = optimizer.init(s.layer)
    updates, _ = jax.jit(optimizer.update)(s.grads(), state, s.layer)
    return optax.apply_updates(s.layer, updates)(s.x)


@OPTAX.of("tree arithmetic", MLP, needs=("optax",))
def _(s: Made) -> Any:
    import optax

    other = s.make(1)
    both = optax.tree.add_scale(s.layer, 0.5, other)
    return optax.tree.norm(s.layer), optax.tree.vdot(s.layer, other), both(s.x)


@OPTAX.of("per_example gradients by vmap, then clipped", LINEAR, needs=("optax",))
def _(s: Made) -> Any:
    import optax

    each = jax.vmap(jax.grad(s.loss), in_axes=(None, 0))(s.layer, s.x[:, None])
    clipped, count = optax.per_example_global_norm_clip(jax.tree.leaves(each), 0.1)
    return clipped, count


@OPTAX.of("contrib.schedule_free", MLP, needs=("optax",))
def _(s: Made) -> Any:
    import optax.contrib

    optimizer = optax.contrib.schedule_free_sgd(0.1)
    layer, state = s.layer, optimizer.init(s.layer)
    for _ in range(3):
        updates, state = optimizer.update(s.grads(layer), state, layer)
        layer = optax.apply_updates(layer, updates)
    return optax.contrib.schedule_free_eval_params(state, layer)(s.x)


@EQX.of("tree_at replaces an array by its place among the leaves", LINEAR, needs=("equinox",))
def _(s: Made) -> Any:
    import equinox as eqx

    kernel = lambda m: jax.tree.leaves(m)[0]  # noqa: E731
    return eqx.tree_at(kernel, s.layer, jnp.ones((4, 3)))(s.x)


@EQX.of("tree_at replaces a layer of a container", LINEAR, needs=("equinox",))
def _(s: Made) -> Any:
    import equinox as eqx

    class Net(eqx.Module):
        first: Any
        second: Any

        def __call__(self, x: Any) -> Any:
            return self.second(self.first(x))

    net = eqx.tree_at(lambda n: n.second, Net(s.layer, jnp.tanh), s.make(1), is_leaf=lambda x: x is jnp.tanh)
    return net.first(s.x), net.second(s.x)


@EQX.of("filter_jit with donation, filter_vjp and filter_jvp", MLP, needs=("equinox",))
def _(s: Made) -> Any:
    import equinox as eqx

    _, pull = eqx.filter_vjp(lambda m: m(s.x), s.layer)
    by_layer = pull(jnp.ones((8, 2)))[0]
    out = eqx.filter_jvp(lambda m: m(s.x), (s.layer,), (by_layer,))
    double = eqx.filter_jit(lambda m: jax.tree.map(lambda v: v * 2, m), donate="all")
    return out, double(s.make(1))(s.x)


@EQX.of("filter_custom_vjp", LINEAR, needs=("equinox",))
def _(s: Made) -> Any:
    import equinox as eqx

    @eqx.filter_custom_vjp
    def run(layer: Any, x: Any) -> Any:
        return layer(x)

    run.def_fwd(lambda perturbed, layer, x: (layer(x), None))
    run.def_bwd(lambda kept, g, perturbed, layer, x: jax.tree.map(lambda v: v * 3, layer))
    return jax.tree.leaves(eqx.filter_grad(lambda m: jnp.sum(run(m, s.x)))(s.layer))


@EQX.of("error_if on the output", LINEAR, needs=("equinox",))
def _(s: Made) -> Any:
    import equinox as eqx

    try:
        eqx.filter_jit(lambda m: eqx.error_if(m(s.x), jnp.array(True), "stop here"))(s.layer).block_until_ready()
    except Exception as error:
        return "stop here" in str(error)
    return False


@ORBAX.of("restored by the shapes of eval_shape", MLP, needs=("orbax.checkpoint",))
def _(s: Made) -> Any:
    import orbax.checkpoint as ocp

    with tempfile.TemporaryDirectory() as folder, ocp.StandardCheckpointer() as saver:
        saver.save(f"{folder}/one", state_of(s))
        saver.wait_until_finished()
        shapes = jax.eval_shape(lambda: jax.tree.map(jnp.zeros_like, state_of(s)))
        back = saver.restore(f"{folder}/one", shapes)
    return back.layer(s.x), back.average(s.x), back.step


@ORBAX.of("several items, one restored", LINEAR, needs=("orbax.checkpoint",))
def _(s: Made) -> Any:
    import orbax.checkpoint as ocp

    with tempfile.TemporaryDirectory() as folder, ocp.CheckpointManager(folder) as manager:
        items = ocp.args.Composite(net=ocp.args.StandardSave(s.layer), more=ocp.args.JsonSave({"epoch": 3}))
        manager.save(0, args=items)
        manager.wait_until_finished()
        back = manager.restore(0, args=ocp.args.Composite(net=ocp.args.StandardRestore(s.make(1))))
    return back["net"](s.x)


@FLAX.of("traverse_util over weights by path", MLP, needs=("flax",))
def _(s: Made) -> Any:
    from flax import traverse_util

    flat = {tree_util.keystr(p): x for p, x in jax.tree.leaves_with_path(s.layer)}
    nested = traverse_util.unflatten_dict({tuple(k.split(".")): np.asarray(v) for k, v in flat.items()})
    return len(traverse_util.flatten_dict(nested)), sum(x.size for x in flat.values())


ROWS = [*TREES, *GRAD, *JIT, *CHECKS, *CONTROL, *OPTAX, *EQX, *ORBAX, *FLAX]
