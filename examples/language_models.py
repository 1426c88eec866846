"""Two language models of public layers, in the shapes of GPT-2 and Llama, and text that they write.

The tables below them load what `transformers` has saved, and save what `transformers` loads.

Run: python examples/language_models.py                 with random weights
     python examples/language_models.py gpt2 FOLDER     with those of a folder that holds a config and safetensors
"""

import json
import pathlib
import sys

import kfront
from kfront import layers, ops
from kfront.saving import WeightRule, WeightTable

try:
    from transformer_parts import attention_rows, feed_forward, fused_attention_rows
except ImportError:  # not run from this folder
    from examples.transformer_parts import attention_rows, feed_forward, fused_attention_rows


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
        x = x + feed_forward(y, 4 * width, ops.gelu, f"{{}}_{i}")
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


GPT2 = WeightTable(
    [
        WeightRule("tokens_table", "transformer.wte", tied=["lm_head"]),
        ("places", "transformer.wpe"),
        ("norm_a_{i}", "transformer.h.{i}.ln_1"),
        # kernels have kfront's order of axes there
        *fused_attention_rows("transformer.h.{i}.attn.c_attn", "transformer.h.{i}.attn.c_proj", transpose=False),
        ("norm_b_{i}", "transformer.h.{i}.ln_2"),
        WeightRule("wide_{i}", "transformer.h.{i}.mlp.c_fc", transpose=False),
        WeightRule("narrow_{i}", "transformer.h.{i}.mlp.c_proj", transpose=False),
        ("norm", "transformer.ln_f"),
        (None, ["*.attn.bias", "*.attn.masked_bias"]),  # masks, in files of old versions
    ]
)
LLAMA = WeightTable(
    [
        WeightRule("tokens_table", "model.embed_tokens"),
        ("norm_a_{i}", "model.layers.{i}.input_layernorm"),
        *attention_rows([f"model.layers.{{i}}.self_attn.{part}_proj" for part in "qkvo"]),
        ("norm_b_{i}", "model.layers.{i}.post_attention_layernorm"),
        *((f"{part}_{{i}}", f"model.layers.{{i}}.mlp.{part}_proj") for part in ("gate", "up", "down")),
        ("norm", "model.norm"),
        # where one table is both, the file has it under the first name alone
        WeightRule("logits", "lm_head", tied=["model.embed_tokens"]),
        (None, "*.rotary_emb.inv_freq"),
    ]
)


def from_folder(kind, folder):
    """A model with the sizes and weights that a folder holds."""
    c = json.loads((pathlib.Path(folder) / "config.json").read_text())
    if kind == "gpt2":
        sizes = (c["vocab_size"], c["n_embd"], c["n_layer"], c["n_head"], c["n_positions"], c["layer_norm_epsilon"])
        model, table = gpt2(*sizes), GPT2
    else:
        heads, base = c["num_attention_heads"], c.get("rope_theta") or c["rope_parameters"]["rope_theta"]
        sizes = (c["vocab_size"], c["hidden_size"], c["num_hidden_layers"], heads, c["num_key_value_heads"])
        model, table = llama(*sizes, c["intermediate_size"], base, c["rms_norm_eps"]), LLAMA
    print(table.load(model, folder))
    return model


if __name__ == "__main__":
    kfront.utils.set_random_seed(0)
    models = (
        [from_folder(*sys.argv[1:])] if len(sys.argv) > 1 else [gpt2(100, 32, 2, 4, 64), llama(100, 32, 2, 4, 2, 64)]
    )
    for model in models:
        made = kfront.generation.generate(model, [[1, 2, 3], [4]], max_length=16, sampler="top_p", seed=1)
        print(model.name, made.tolist())
