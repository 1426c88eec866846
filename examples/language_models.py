"""Two language models of public layers, in the shapes of GPT-2 and Llama, and text (of random tokens) that they write.

Run: python examples/language_models.py
"""

import kfront
from kfront import layers, ops


class RotaryAttention(layers.GroupQueryAttention):
    """Attention in which queries and keys are turned by their places."""

    def __init__(self, *args, base=10000.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.base = base

    def project(self, query, key, value):
        query, key, value = super().project(query, key, value)
        places = ops.token_positions(query)
        turn = lambda x: ops.rotary_embedding(x, places, self.base)  # noqa: E731
        return turn(query), turn(key), value

    def get_config(self):
        return {**super().get_config(), "base": self.base}


def gpt2(vocabulary, width, depth, heads, length, epsilon=1e-5):
    """GPT-2 (Radford et al., 2019): learned places, normalization before each part, logits by the table of tokens."""
    tokens = kfront.Input((None,), dtype="int32", name="tokens")
    table = layers.ReversibleEmbedding(vocabulary, width, name="tokens_table")
    x = table(tokens) + layers.Embedding(length, width, name="places")(ops.token_positions(tokens))
    for i in range(depth):
        y = layers.LayerNormalization(epsilon=epsilon, name=f"norm_a_{i}")(x)
        x = x + layers.MultiHeadAttention(heads, width // heads, name=f"attention_{i}")(y, y, use_causal_mask=True)
        y = layers.LayerNormalization(epsilon=epsilon, name=f"norm_b_{i}")(x)
        y = layers.Dense(4 * width, ops.gelu, name=f"wide_{i}")(y)
        x = x + layers.Dense(width, name=f"narrow_{i}")(y)
    x = layers.LayerNormalization(epsilon=epsilon, name="norm")(x)
    return kfront.Model(tokens, table(x, reverse=True), name="gpt2")


def llama(vocabulary, width, depth, heads, key_heads, hidden, base=10000.0, epsilon=1e-6):
    """Llama (Touvron et al., 2023): places by turning queries and keys, gated dense layers, no biases."""
    tokens = kfront.Input((None,), dtype="int32", name="tokens")
    x = layers.Embedding(vocabulary, width, name="tokens_table")(tokens)
    dense = lambda n, name, f=None: layers.Dense(n, f, use_bias=False, name=name)  # noqa: E731
    for i in range(depth):
        y = layers.RMSNormalization(epsilon=epsilon, name=f"norm_a_{i}")(x)
        attention = RotaryAttention(width // heads, heads, key_heads, use_bias=False, base=base, name=f"attention_{i}")
        x = x + attention(y, y, use_causal_mask=True)
        y = layers.RMSNormalization(epsilon=epsilon, name=f"norm_b_{i}")(x)
        y = dense(hidden, f"gate_{i}", ops.silu)(y) * dense(hidden, f"up_{i}")(y)
        x = x + dense(width, f"down_{i}")(y)
    x = layers.RMSNormalization(epsilon=epsilon, name="norm")(x)
    return kfront.Model(tokens, dense(vocabulary, "logits")(x), name="llama")


if __name__ == "__main__":
    kfront.utils.set_random_seed(0)
    for model in (gpt2(100, 32, 2, 4, 64), llama(100, 32, 2, 4, 2, 64)):
        made = kfront.generation.generate(model, [[1, 2, 3], [4]], max_length=16, sampler="top_p", seed=1)
        print(model.name, made.tolist())
