"""`generate`: sequences of tokens continued by a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kfront import ops, random
from kfront.core.errors import ArgumentError, ArgumentTypeError, ShapeError
from kfront.core.state import backend_scope
from kfront.core.typing import Seed, Tensor
from kfront.generation import beam, contrastive  # noqa: F401  (they enter their names)
from kfront.generation.decoder import Decoder, Nest, Plan
from kfront.generation.samplers import NAMES, Sampler

if TYPE_CHECKING:
    from kfront.models import Model


def generate(
    model: Model,
    tokens: object,
    max_length: int,
    sampler: str | Sampler = "greedy",
    *,
    stop: int | Sequence[int] | None = None,
    stream: Callable[[np.ndarray], object] | None = None,
    pad: int = 0,
    seed: Seed = None,
    cache: bool = True,
) -> np.ndarray:
    """Sequences of tokens, continued by a model that predicts the next one.

    The whole loop is compiled, once for each shape of the prompts, length, sampler and `stop`. Attention layers keep
    keys and values (see `Cache`), so that a step computes one token only.

    Args:
        model: takes int32 tokens (batch, length) and gives logits (batch, length, classes), each of which depends on
            the tokens up to its own; or a tuple that begins with them. Its attention layers are called with
            `use_causal_mask=True`, and what depends on places takes them from `ops.token_positions`.
        tokens: the prompts: integer array (batch, length), or a list of lists of different lengths.
        max_length: length of the sequences with their prompts.
        sampler: "greedy", "temperature", "top_k", "top_p", "beam", "contrastive", or a `Sampler` with its own numbers.
        stop: token or tokens that end a sequence; they belong to it.
        stream: called with each new token of all sequences, an array (batch,), as soon as it is there; `pad` for
            sequences that are done. The steps are compiled one by one then.
        pad: token that fills up sequences that have ended.
        seed: int for the same tokens each time, a SeedGenerator, or None. With
            `kfront.config.set_portable_random(True)` all engines draw the same.
        cache: False for a model that cannot continue, like a recurrent one: it sees all tokens again each time.

    Returns:
        int32 array of shape (batch, max_length).

    Raises:
        ArgumentError: if the model gives other logits with a cache than without, if there is no such sampler, or if
            the sampler cannot stream.
        ShapeError: if a prompt is empty or as long as `max_length`, or the model's output has another shape.

    Example:

    >>> import kfront
    >>> inputs = kfront.Input((None,), dtype="int32")
    >>> x = kfront.layers.Embedding(10, 8)(inputs)
    >>> x = kfront.layers.MultiHeadAttention(num_heads=2, key_dim=4)(x, x, use_causal_mask=True)
    >>> model = kfront.Model(inputs, kfront.layers.Dense(10)(x))
    >>> kfront.generation.generate(model, [[1, 2, 3], [4]], max_length=8, sampler="top_k", seed=1).shape
    (2, 8)
    """
    rows, lengths = _prompts(tokens, max_length, pad)
    chosen = _sampler(sampler)
    stops = (stop,) if isinstance(stop, int) else tuple(int(s) for s in stop or ())
    plan = Plan(len(rows), int(lengths.max()), int(lengths.min()), max_length, stops, pad, cache)
    b = model._kf_backend
    with backend_scope(b), b.no_grad():
        steps = model._kf_steps()
        if cache:
            steps.program("cached = uncached", lambda: _check_cache(model, rows[0, : lengths[0]], max_length))
        program = steps.program(
            ("generate", plan, chosen._key(), stream is None), lambda: _Program(model, plan, chosen)
        )
        shape = (max_length - plan.shortest, plan.batch)
        draws = random.uniform(shape, seed=seed) if chosen.draws else b.convert(np.zeros((1, 1), "float32"))
        given = b.convert(rows), b.convert(lengths), draws
        return np.array(b.to_numpy(program.run(*given))) if stream is None else program.stream(stream, *given)


class _Program:
    """The compiled loop for one plan and sampler."""

    def __init__(self, model: Model, plan: Plan, sampler: Sampler) -> None:
        b = model._kf_backend
        self.backend, self.plan, self.sampler = b, plan, sampler
        variables = lambda: model._kf_steps().forward_variables  # noqa: E731
        self.decoder = decoder = Decoder(model, plan, b.decode_loop(variables))
        compiled = lambda fn: b.compile_step(fn, variables, b.compiles_loops)  # noqa: E731
        self.run = compiled(lambda *given: sampler.decode(decoder, *given))
        self.begin = compiled(lambda *given: sampler._begun(decoder, *given))
        step = lambda i, carry: sampler._kf_step(decoder, i, carry)  # noqa: E731
        self.step = compiled(lambda i, carry: decoder.loop(step, carry, 1, None, i))

    def stream(self, tell: Callable[[np.ndarray], object], *given: Nest) -> np.ndarray:
        """The loop on the host: each token is told when it is there."""
        if type(self.sampler).decode is not Sampler.decode:
            raise ArgumentError(
                f"[generate] expected no `stream` with {type(self.sampler).__name__}, whose first tokens may change "
                "until the end; use another sampler."
            )
        b, carry = self.backend, self.begin(*given)
        for i in range(self.decoder.steps):
            done = b.to_numpy(carry[2])
            tell(np.where(done, self.plan.pad, b.to_numpy(carry[3])).astype("int32"))
            if i + 1 == self.decoder.steps or (
                self.decoder.ends and b.to_numpy(self.decoder.write(*carry[:4])[1]).all()
            ):
                break
            carry = self.step(b.convert(np.array(i), "int32"), carry)
        return np.array(b.to_numpy(self.decoder.write(*carry[:4])[0]))


def _prompts(tokens: Any, max_length: int, pad: int) -> tuple[np.ndarray, np.ndarray]:
    """Prompts in rows of `max_length`, and their lengths."""
    on_host = isinstance(tokens, (list, tuple, np.ndarray))
    rows = [np.asarray(row).reshape(-1) for row in (tokens if on_host else ops.convert_to_numpy(tokens))]
    lengths = np.array([len(row) for row in rows], "int32")
    if not rows or lengths.min() < 1 or lengths.max() >= max_length:
        raise ShapeError(
            f"[generate] expected prompts of 1 to max_length - 1 = {max_length - 1} tokens, got lengths "
            f"{lengths.tolist()}; raise `max_length` or shorten them."
        )
    out = np.full((len(rows), max_length), pad, "int32")
    for to, row in zip(out, rows, strict=True):
        if row.dtype.kind not in "iu":
            raise ArgumentTypeError(f"[generate] expected integers as tokens, got {row.dtype}.")
        to[: len(row)] = row
    return out, lengths


def _sampler(sampler: str | Sampler) -> Sampler:
    if isinstance(sampler, Sampler):
        return sampler
    if sampler not in NAMES:
        raise ArgumentError(
            f"[generate] expected `sampler` to be a Sampler or one of {sorted(NAMES)}, got {sampler!r}."
        )
    return NAMES[sampler]()


def _check_cache(model: Model, prompt: np.ndarray, max_length: int) -> bool:
    """Compare what a model gives for some tokens with and without a cache: a layer may not know how to continue."""
    b, count = model._kf_backend, min(4, max_length)
    variables = lambda: model._kf_steps().forward_variables  # noqa: E731
    tokens = b.convert(np.resize(prompt, (1, count)), "int32")

    def both(tokens: Tensor) -> tuple[Tensor, Tensor]:
        decoder = Decoder(model, Plan(1, count - 1, count - 1, count, (), 0, True), b.decode_loop(variables))
        last = ops.convert_to_tensor(count - 1, "int32")
        whole = decoder._rows(decoder._call(tokens), count - 1)
        _, entries = decoder.begin(tokens, tokens)
        part, _ = decoder.next(tokens, tokens[:, -1], last, entries)
        return decoder.logits(whole), decoder.logits(part)

    want, got = (np.asarray(b.to_numpy(x), "float32") for x in b.compile_step(both, variables, "auto")(tokens))
    error = float(np.abs(want - got).max())
    if not error <= (1e-3 if model.compute_dtype in ("float32", "float64") else 0.1) * max(1.0, np.abs(want).max()):
        raise ArgumentError(
            f"[generate] expected {model.name} to give the same logits with a cache as without, got a difference of "
            f"{error:.2g}; take the places of tokens from `ops.token_positions`, call attention layers with "
            "`use_causal_mask=True`, or, where another layer mixes tokens, generate with `cache=False`."
        )
    return True
