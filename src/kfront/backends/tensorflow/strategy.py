"""Steps on the replicas of a `tf.distribute` strategy: each is given its part of every batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from kfront.backends.tensorflow import native
from kfront.backends.typing import Closure
from kfront.core.state import state
from kfront.core.typing import Nested

if TYPE_CHECKING:
    from tensorflow import Tensor

    from kfront.core.variable import Variable
    from kfront.training.trainer import Trainer


def count() -> int:
    """How many replicas work together, where this is one of them; else 1."""
    if not native.TensorFlowVariable.any_distributed or not tf.distribute.has_strategy():
        return 1
    context = tf.distribute.get_replica_context()
    return 1 if context is None else context.num_replicas_in_sync


def scope_of(model: Trainer) -> AbstractContextManager[object]:
    """Context in which the variables are made of a model that was made in the scope of a strategy."""
    return nullcontext() if model._kf_strategy is None else model._kf_strategy.scope()


def summed(grads: list[Tensor], variables: Sequence[Variable]) -> list[Tensor]:
    """The sums over all replicas, inside of one: losses that are means are scaled for that."""
    context = tf.distribute.get_replica_context()
    return grads if context is None else list(context.all_reduce(tf.distribute.ReduceOp.SUM, grads))


def whole_batches(x: Any) -> Iterator[object]:
    """The batches of a distributed dataset, put together: a step splits them as it does all batches."""
    gather = x._strategy.gather  # private: nothing public tells whose dataset it is
    return (tf.nest.map_structure(lambda part: gather(part, 0), batch) for batch in x)


def replicated(model: Trainer, run: Closure[Tensor], kind: str) -> Closure[Tensor]:
    """A step that is given whole batches, run on parts of them; see `Backend.replicated`."""
    strategy = model._kf_strategy
    if strategy is None or strategy.num_replicas_in_sync == 1:
        return run

    def step(*args: object) -> Nested[Tensor]:
        here = dict(vars(state))  # each replica is traced in a thread of its own

        def one(*whole: object) -> Nested[Tensor]:
            # what a replica has made shows in its own thread alone: masks and added losses are looked for in each
            vars(state).update(here, any_mask_seen=True, add_loss_used=True)
            return run(*_part(whole))

        with strategy.scope():
            out = strategy.run(one, args=args)
            if out is None:
                return None
            if kind == "predict":
                return tf.nest.map_structure(lambda x: strategy.gather(x, 0), out)
            if isinstance(out, dict) and out.keys() == (results := model.get_metrics_result()).keys():
                return results  # of all replicas
            return tf.nest.map_structure(lambda x: strategy.reduce(tf.distribute.ReduceOp.MEAN, x, None), out)

    return step


def _part(whole: object) -> Any:
    """The rows of this replica. The first ones have one more where they cannot be alike."""
    context = tf.distribute.get_replica_context()
    mine, replicas = native.replica_id(context), context.num_replicas_in_sync

    def part(x: Any) -> Any:
        if x is None or x.shape.rank == 0:
            return x
        rows = x.shape[0] if x.shape[0] is not None else tf.shape(x)[0]
        size = -(-rows // replicas)
        return x[mine * size : (mine + 1) * size]

    return tf.nest.map_structure(part, whole)
