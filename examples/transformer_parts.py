"""What the Transformers of the examples share: their parts, and the rows that pair them with weights from elsewhere."""

from collections.abc import Sequence

from kfront import layers
from kfront.saving import WeightRule

PROJECTIONS = ("query", "key", "value", "attention_output")


def feed_forward(x, hidden, activation, name):
    """Two dense layers, the first one wide; in `name`, {} stands for "wide" and "narrow"."""
    y = layers.Dense(hidden, activation, name=name.format("wide"))(x)
    return layers.Dense(x.shape[-1], name=name.format("narrow"))(y)


def encoder_block(x, heads, hidden, activation, epsilon, i, norm_first, mask=None):
    """Attention and two dense layers, each added to what it gets, with a normalization before or behind."""
    width = x.shape[-1]
    attention = layers.MultiHeadAttention(heads, width // heads, name=f"attention_{i}")
    parts = (lambda y: attention(y, y, attention_mask=mask), lambda y: feed_forward(y, hidden, activation, f"{{}}_{i}"))
    for part, which in zip(parts, "ab", strict=True):
        norm = layers.LayerNormalization(epsilon=epsilon, name=f"norm_{which}_{i}")
        x = x + part(norm(x)) if norm_first else norm(x + part(x))
    return x


def attention_rows(theirs: Sequence[str]) -> list[tuple[str, str]]:
    """Rows for `attention_{i}`: names there of the projections of queries, keys, values, and of the results."""
    return [(f"attention_{{i}}/{ours}", name) for ours, name in zip(PROJECTIONS, theirs, strict=True)]


def fused_attention_rows(inputs: str, outputs: str, transpose: bool | None = None) -> list[WeightRule]:
    """The same where one tensor there holds the projections of queries, keys and values."""
    heads = [f"attention_{{i}}/{ours}" for ours in PROJECTIONS[:3]]
    return [
        WeightRule(heads, inputs, transpose=transpose, join=-2),
        WeightRule(f"attention_{{i}}/{PROJECTIONS[3]}", outputs, transpose=transpose),
    ]
