"""KerasHub: backbones saved, loaded and trained."""

import tempfile

import keras
import numpy as np

import kfront

rng = np.random.default_rng(0)
keras.utils.set_random_seed(0)

import keras_hub
from keras_hub import models

size = dict(vocabulary_size=100, num_layers=2, intermediate_dim=32, hidden_dim=16)
heads = dict(num_query_heads=4, num_key_value_heads=2)
length = dict(num_heads=2, max_sequence_length=16)
ids, mask = np.ones((2, 8), "int32"), np.ones((2, 8), "int32")
text = {"token_ids": ids, "padding_mask": mask}
both = {f"{side}_{k}": v for side in ("encoder", "decoder") for k, v in text.items()}
image = rng.random((2, 64, 64, 3)).astype("float32")
swin = dict(image_shape=(64, 64, 3), embed_dim=8, depths=(1, 1), num_heads=(1, 2), window_size=4)
cases = [
    (models.BertBackbone(**size, **length), {**text, "segment_ids": 0 * ids}),
    (models.DebertaV3Backbone(**size, **length, bucket_size=8), text),
    (models.GPT2Backbone(**size, **length), text),
    (models.MistralBackbone(**size, **heads, sliding_window=4), text),
    (models.MixtralBackbone(**size, **heads, num_experts=2, top_k=1), text),
    (models.GemmaBackbone(**size, **heads, head_dim=4), text),
    (models.T5Backbone(**size, num_heads=2), both),
    (models.BartBackbone(**size, **length), both),
    (models.XLNetBackbone(**size, num_heads=2), {**text, "segment_ids": 0 * ids}),
    (models.VGGBackbone(stackwise_num_repeats=[1, 1], stackwise_num_filters=[8, 8]), image),
    (models.DenseNetBackbone(stackwise_num_repeats=[1, 2], image_shape=(64, 64, 3)), image),
    (models.SwinTransformerBackbone(**swin), image),
]


def first(x):
    return next(iter(x.values())) if isinstance(x, dict) else x


for model, x in cases:
    path = tempfile.mktemp(suffix=".keras")
    model.save(path)
    want, got = (first(m.predict(x, verbose=0)) for m in (model, keras.models.load_model(path)))
    assert np.allclose(want, got, atol=1e-5), model.name
    out = first(model.output)
    head = keras.Model(model.input, keras.ops.mean(keras.layers.Dense(1)(out), tuple(range(1, len(out.shape)))))
    head.compile("adam", "mse")
    assert np.isfinite(head.fit(x, np.zeros(2, "float32"), verbose=0).history["loss"]).all(), model.name

# text is generated from a cache: each new token gives what a call on the whole sequence would give
backbone = models.GPT2Backbone(**size, **length)
causal = models.GPT2CausalLM(backbone=backbone, preprocessor=None)
causal.compile("adam", sampler="greedy", jit_compile=keras.config.backend() != "torch")
prompt = {"token_ids": np.array([[5, 7, 2, 0, 0, 0, 0, 0]]), "padding_mask": np.array([[1, 1, 1, 0, 0, 0, 0, 0]])}
made = causal.generate(prompt, stop_token_ids=None)
tokens = np.array(keras.ops.convert_to_numpy(made["token_ids"]))
assert tokens[0, :3].tolist() == [5, 7, 2]
for i in range(3, 8):
    seen = {"token_ids": tokens[:, :i], "padding_mask": np.ones((1, i), "int32")}
    assert int(np.argmax(causal.predict(seen, verbose=0)[0, -1])) == tokens[0, i], (i, tokens)
causal.compile("adam", sampler=keras_hub.samplers.TopKSampler(3, seed=1), jit_compile=keras.config.backend() != "torch")
assert keras.ops.convert_to_numpy(causal.generate(prompt, stop_token_ids=None)["token_ids"]).shape == (1, 8)

# the loop of a sampler is recorded on torch: it gives the tokens of the plain loop
long = {k: np.pad(v, ((0, 1), (0, 24))) for k, v in prompt.items()}
long["token_ids"][1, :5], long["padding_mask"][1, :5] = (1, 2, 3, 4, 5), 1
samplers = [keras_hub.samplers.TopKSampler(5, seed=1), keras_hub.samplers.BeamSampler(2), "greedy"]
if keras.config.backend() == "torch":
    for body, model in (
        (models.GPT2Backbone(**size, num_heads=2, max_sequence_length=32), models.GPT2CausalLM),
        (models.LlamaBackbone(**size, **heads), models.LlamaCausalLM),
        (models.GemmaBackbone(**size, **heads, head_dim=4), models.GemmaCausalLM),
    ):
        for w in body.weights:
            w.assign(rng.normal(size=w.shape))
        causal = model(backbone=body, preprocessor=None)
        for sampler in samplers:
            written = []
            for tuned in (False, True):
                kfront.config.set_tuned_kernels(tuned)
                if isinstance(sampler, keras_hub.samplers.TopKSampler):
                    sampler.seed_generator.state.assign([1, 0])
                causal.compile("adam", sampler=sampler)
                written.append(np.asarray(causal.generate(long, stop_token_ids=(99,))["token_ids"]))
            assert np.array_equal(*written), (model.__name__, sampler)

x = rng.normal(size=(2, 4, 8)).astype("float32")
attention = keras_hub.layers.CachedMultiHeadAttention(num_heads=2, key_dim=4)
attention.build(x.shape, x.shape)
causal_mask = np.tril(np.ones((4, 4), bool))[None]
whole, _ = attention(x, x, cache=np.zeros((2, 2, 4, 2, 4), "float32"), cache_update_index=0, attention_mask=causal_mask)
cache, steps = keras.ops.zeros((2, 2, 4, 2, 4)), []
for i in range(4):
    step = x[:, i : i + 1]
    out, cache = attention(step, step, cache=cache, cache_update_index=i, attention_mask=causal_mask[:, i : i + 1])
    steps.append(keras.ops.convert_to_numpy(out))
assert np.allclose(np.concatenate(steps, 1), keras.ops.convert_to_numpy(whole), atol=1e-5)

# adapters of low rank in a file of their own
backbone.enable_lora(2, target_layer_names=["query", "value"])
with tempfile.TemporaryDirectory() as folder:
    backbone.save_lora_weights(f"{folder}/a.lora.h5")
    backbone.load_lora_weights(f"{folder}/a.lora.h5")
