"""How the next token is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from kfront import ops
from kfront.core.errors import ArgumentError
from kfront.core.typing import Tensor

if TYPE_CHECKING:
    from kfront.generation.decoder import Decoder, Nest

NAMES: dict[str, type[Sampler]] = {}


class Sampler:
    """Base of samplers; a new one defines `choose`.

    Attributes of an instance are numbers that are part of the compiled loop: an instance is not changed after its use.

    Example:

    >>> import kfront
    >>> class Shortest(kfront.generation.Sampler):
    ...     def choose(self, logits, draw):
    ...         return kfront.ops.argmin(logits, -1)
    >>> int(kfront.ops.convert_to_numpy(Shortest().choose(kfront.ops.array([[3.0, 1.0]]), None))[0])
    1
    """

    name: ClassVar[str] = ""
    draws: ClassVar[bool] = False  # whether `choose` looks at its random numbers

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if cls.name:
            NAMES[cls.name] = cls

    def choose(self, logits: Tensor, draw: Tensor) -> Tensor:
        """The next token of each sequence.

        Args:
            logits: tensor of shape (batch, classes).
            draw: tensor of shape (batch,): random numbers in [0, 1), other ones for each token; with `draws = True`.

        Returns:
            integer tensor of shape (batch,).
        """
        raise NotImplementedError(f"[{type(self).__name__}] expected the class to define `choose(self, logits, draw)`.")

    def decode(self, decoder: Decoder, tokens: Tensor, lengths: Tensor, draws: Tensor) -> Tensor:
        """Tokens (batch, max length) that begin with those given; a sampler that looks ahead has its own."""
        carry = self._begun(decoder, tokens, lengths, draws)
        carry = decoder.loop(lambda i, now: self._kf_step(decoder, i, now), carry, decoder.steps - 1, decoder.done)
        return decoder.write(*carry[:4])[0]

    def _begun(self, decoder: Decoder, tokens: Tensor, lengths: Tensor, draws: Tensor) -> tuple[Nest, ...]:
        """What steps carry on: tokens, the next place, which sequences are done, the next token, draws, entries."""
        output, entries = decoder.begin(tokens, lengths)
        token = ops.cast(self.choose(decoder.logits(output), draws[0]), "int32")
        return tokens, decoder.place(lengths), ops.zeros_like(lengths, dtype="bool"), token, draws, entries

    def _kf_step(self, decoder: Decoder, i: Tensor, carry: tuple[Nest, ...]) -> tuple[Nest, ...]:
        """Write the token that was chosen, and choose the next one."""
        tokens, at, done, token, draws, entries = carry
        tokens, done = decoder.write(tokens, at, done, token)
        output, entries = decoder.next(tokens, token, at, entries)
        draw = ops.take(draws, ops.reshape(i + 1, (1,)), axis=0)[0] if self.draws else draws
        token = ops.cast(self.choose(decoder.logits(output), draw), "int32")
        return tokens, decoder.further(at), done, token, draws, entries

    def _key(self) -> object:
        return type(self), tuple(sorted(vars(self).items()))


class Greedy(Sampler):
    """The most probable token each time.

    Example:

    >>> import kfront
    >>> int(kfront.generation.Greedy().choose(kfront.ops.array([[0.0, 2.0, 1.0]]), None)[0])
    1
    """

    name = "greedy"

    def choose(self, logits: Tensor, draw: Tensor) -> Tensor:
        """See `Sampler.choose`."""
        return ops.argmax(logits, -1)


class Temperature(Sampler):
    """A token drawn by its probability.

    Args:
        temperature: number > 0 that logits are divided by: less makes probable tokens more probable.

    Raises:
        ArgumentError: if the temperature is not positive.

    Example:

    >>> import kfront
    >>> sampler = kfront.generation.Temperature(0.5)
    >>> int(sampler.choose(kfront.ops.array([[0.0, 0.0]]), kfront.ops.array([0.7]))[0])
    1
    """

    name = "temperature"
    draws = True

    def __init__(self, temperature: float = 1.0) -> None:
        if not temperature > 0:
            raise ArgumentError(
                f"[{type(self).__name__}] expected `temperature` > 0, got {temperature}; use Greedy for its limit at 0."
            )
        self.temperature = float(temperature)

    def choose(self, logits: Tensor, draw: Tensor) -> Tensor:
        """See `Sampler.choose`."""
        return _drawn(self._chances(logits), draw)

    def _chances(self, logits: Tensor) -> Tensor:
        return ops.softmax(ops.divide(ops.cast(logits, "float32"), self.temperature), -1)


class TopK(Temperature):
    """A token drawn by its probability from the `k` most probable ones (Fan et al., 2018, arXiv:1805.04833).

    Args:
        k: how many tokens there are to choose from.
        temperature: number > 0 that logits are divided by.

    Raises:
        ArgumentError: if an argument is not positive.

    Example:

    >>> import kfront
    >>> sampler = kfront.generation.TopK(2)
    >>> int(sampler.choose(kfront.ops.array([[0.0, 5.0, 5.0]]), kfront.ops.array([0.1]))[0])
    1
    """

    name = "top_k"

    def __init__(self, k: int = 50, temperature: float = 1.0) -> None:
        super().__init__(temperature)
        self.k = _positive("TopK", k)

    def choose(self, logits: Tensor, draw: Tensor) -> Tensor:
        """See `Sampler.choose`."""
        best, places = best_of(logits, self.k)
        return _at(places, _drawn(self._chances(best), draw))


class TopP(Temperature):
    """A token drawn from the most probable ones that together have the probability `p` (Holtzman et al., 2020).

    Args:
        p: number in (0, 1]; the most probable token is always among those to choose from.
        temperature: number > 0 that logits are divided by.
        k: how many tokens are looked at, the most probable ones; all if None. A number makes it faster.

    Raises:
        ArgumentError: if an argument is out of its range.

    Reference: https://arxiv.org/abs/1904.09751.

    Example:

    >>> import kfront
    >>> sampler = kfront.generation.TopP(0.5)
    >>> int(sampler.choose(kfront.ops.array([[0.0, 9.0, 1.0]]), kfront.ops.array([0.99]))[0])
    1
    """

    name = "top_p"

    def __init__(self, p: float = 0.9, temperature: float = 1.0, k: int | None = None) -> None:
        super().__init__(temperature)
        if not 0 < p <= 1:
            raise ArgumentError(f"[TopP] expected `p` in (0, 1], got {p}.")
        self.p, self.k = float(p), None if k is None else _positive("TopP", k)

    def choose(self, logits: Tensor, draw: Tensor) -> Tensor:
        """See `Sampler.choose`."""
        best, places = best_of(logits, self.k or logits.shape[-1])
        chances = self._chances(best)
        before = ops.subtract(ops.cumsum(chances, -1), chances)
        return _at(places, _drawn(ops.where(before < self.p, chances, 0.0), draw))


def best_of(x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The greatest `k` values of each row, or all if there are fewer, and their places."""
    return ops.top_k(x, min(k, x.shape[-1]), is_stable=False)


def _drawn(chances: Tensor, draw: Tensor) -> Tensor:
    """Places (batch,) drawn by chances (batch, n), which need not sum to 1, with one random number for each row."""
    sums = ops.cumsum(chances, -1)
    passed = ops.less_equal(sums, ops.multiply(sums[:, -1:], ops.expand_dims(draw, -1)))
    return ops.minimum(ops.sum(ops.cast(passed, "int32"), -1), chances.shape[-1] - 1)


def _at(rows: Tensor, places: Tensor) -> Tensor:
    """The element of each row at its place."""
    return ops.take_along_axis(rows, ops.expand_dims(places, -1), -1)[:, 0]


def _positive(who: str, k: int) -> int:
    if not isinstance(k, int) or k < 1:
        raise ArgumentError(f"[{who}] expected `k` to be a positive int, got {k!r}.")
    return k
