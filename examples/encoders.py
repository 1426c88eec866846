"""BERT and ViT of public layers, and the tables that load what `transformers` has saved.

Run: python examples/encoders.py
"""

import numpy as np

import kfront
from kfront import layers, ops
from kfront.saving import WeightRule, WeightTable

try:
    from transformer_parts import attention_rows, encoder_block
except ImportError:  # not run from this folder
    from examples.transformer_parts import attention_rows, encoder_block


def exact_gelu(x):
    """GELU without tanh, as both models have it."""
    return ops.gelu(x, approximate=False)


def bert(vocabulary, width, depth, heads, hidden, length, kinds=2, epsilon=1e-12):
    """BERT (Devlin et al., 2018), which guesses masked tokens: of tokens, their kinds, and a mask of what counts."""
    tokens, kind = (kfront.Input((None,), dtype="int32", name=name) for name in ("tokens", "kinds"))
    mask = kfront.Input((None,), dtype="bool", name="mask")
    norm = lambda name: layers.LayerNormalization(epsilon=epsilon, name=name)  # noqa: E731
    table = layers.ReversibleEmbedding(vocabulary, width, name="tokens_table")
    places = layers.Embedding(length, width, name="places")(ops.token_positions(tokens))
    x = norm("norm")(table(tokens) + places + layers.Embedding(kinds, width, name="kinds_table")(kind))
    for i in range(depth):
        x = encoder_block(x, heads, hidden, exact_gelu, epsilon, i, norm_first=False, mask=ops.expand_dims(mask, 1))
    x = norm("norm_head")(layers.Dense(width, exact_gelu, name="head")(x))
    return kfront.Model([tokens, kind, mask], Bias(name="logits")(table(x, reverse=True)), name="bert")


class Bias(layers.Layer):
    """Adds a vector."""

    def build(self, shape):
        self.bias = self.add_weight(name="bias", shape=shape[-1:], initializer="zeros")

    def call(self, x):
        return x + self.bias


class FirstToken(layers.Layer):
    """Puts a trained vector before those of each image, and adds one for its place to each."""

    def build(self, shape):
        self.first = self.add_weight(name="first", shape=(1, 1, shape[-1]), initializer="normal")
        self.places = self.add_weight(name="places", shape=(1, shape[1] + 1, shape[-1]), initializer="normal")

    def call(self, x):
        first = ops.broadcast_to(self.first, (ops.shape(x)[0], 1, x.shape[-1]))
        return ops.concatenate([first, x], axis=1) + self.places


def vit(image, patch, width, depth, heads, hidden, classes, epsilon=1e-12):
    """ViT (Dosovitskiy et al., 2020), for images of `image` by `image` pixels."""
    pixels = kfront.Input((image, image, 3), name="pixels")
    x = layers.Conv2D(width, patch, patch, name="patches")(pixels)
    x = FirstToken(name="tokens")(layers.Reshape((-1, width))(x))
    for i in range(depth):
        x = encoder_block(x, heads, hidden, exact_gelu, epsilon, i, norm_first=True)
    x = layers.LayerNormalization(epsilon=epsilon, name="norm")(x)
    return kfront.Model(pixels, layers.Dense(classes, name="logits")(x[:, 0]), name="vit")


def block_rows(at, attention, norms, wide, narrow):
    """Rows of `encoder_block`, from names below `at`."""
    return [
        *attention_rows([at + name for name in attention]),
        *((f"norm_{which}_{{i}}", at + name) for which, name in zip("ab", norms, strict=True)),
        ("wide_{i}", at + wide),
        ("narrow_{i}", at + narrow),
    ]


BERT = WeightTable(
    [
        WeightRule("tokens_table", "bert.embeddings.word_embeddings", tied=["cls.predictions.decoder"]),
        ("places", "bert.embeddings.position_embeddings"),
        ("kinds_table", "bert.embeddings.token_type_embeddings"),
        ("norm", "bert.embeddings.LayerNorm"),
        *block_rows(
            "bert.encoder.layer.{i}.",
            [*(f"attention.self.{part}" for part in ("query", "key", "value")), "attention.output.dense"],
            ["attention.output.LayerNorm", "output.LayerNorm"],
            "intermediate.dense",
            "output.dense",
        ),
        ("head", "cls.predictions.transform.dense"),
        ("norm_head", "cls.predictions.transform.LayerNorm"),
        WeightRule("logits/bias", "cls.predictions.bias", tied=["cls.predictions.decoder.bias"]),
        (None, ["bert.embeddings.position_ids", "bert.pooler.*", "cls.seq_relationship.*"]),
    ]
)


def vit_table(saved):
    """The table for ViT: its modules have other names in files than in the `state_dict` of `transformers` 5."""
    if saved:
        at, parts, out = "vit.encoder.layer.{i}.", "attention.attention.{}", "attention.output.dense"
        names, wide, narrow = ("query", "key", "value"), "intermediate.dense", "output.dense"
    else:
        at, parts, out = "vit.layers.{i}.", "attention.{}_proj", "attention.o_proj"
        names, wide, narrow = "qkv", "mlp.fc1", "mlp.fc2"
    attention = [*(parts.format(name) for name in names), out]
    return WeightTable(
        [
            ("patches", "vit.embeddings.patch_embeddings.projection"),
            ("tokens/first", "vit.embeddings.cls_token"),
            ("tokens/places", "vit.embeddings.position_embeddings"),
            *block_rows(at, attention, ["layernorm_before", "layernorm_after"], wide, narrow),
            ("norm", "vit.layernorm"),
            ("logits", "classifier"),
            (None, "vit.pooler.*"),
        ]
    )


VIT, VIT_LIVE = vit_table(saved=True), vit_table(saved=False)


if __name__ == "__main__":
    kfront.utils.set_random_seed(0)
    text = [np.ones((1, 5), kind) for kind in ("int32", "int32", "bool")]
    print("BERT", bert(100, 32, 2, 4, 64, 16).predict(text, verbose=0).shape)
    print("ViT", vit(32, 8, 32, 2, 4, 64, 10).predict(np.zeros((1, 32, 32, 3)), verbose=0).shape)
