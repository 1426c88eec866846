"""Models of the examples with random weights of `transformers` give its logits and tokens, on every engine."""

from __future__ import annotations

import numpy as np
import pytest
from examples.encoders import BERT, VIT, VIT_LIVE, bert, vit
from examples.language_models import GPT2, LLAMA, gpt2, llama
from examples.residual_network import RESNET, resnet

from kfront import generation

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

TOKENS = np.random.default_rng(0).integers(0, 40, (2, 7))
KINDS, MASK = TOKENS % 2, np.arange(7) < [[7], [4]]
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
NO_WORDS = {"bos_token_id": 0, "eos_token_id": 1}


def bert_pair():
    config = transformers.BertConfig(vocab_size=40, max_position_embeddings=32, initializer_range=0.2, **SMALL)
    theirs = transformers.BertForMaskedLM(config).eval()
    given = [torch.tensor(x) for x in (TOKENS, MASK.astype(int), KINDS)]
    return theirs, lambda: bert(40, 16, 2, 2, 32, 32), BERT, [TOKENS, KINDS, MASK], given


def gpt2_pair():
    sizes = {"vocab_size": 40, "n_positions": 32, "n_embd": 16, "n_layer": 2, "n_head": 2, **NO_WORDS}
    theirs = transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes, initializer_range=0.4)).eval()
    return theirs, lambda: gpt2(40, 16, 2, 2, 32), GPT2, TOKENS, [torch.tensor(TOKENS)]


def llama_pair():
    sizes = {**SMALL, "vocab_size": 40, "num_attention_heads": 4, "num_key_value_heads": 2, **NO_WORDS}
    theirs = transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes, initializer_range=0.4)).eval()
    return theirs, lambda: llama(40, 16, 2, 4, 2, 32), LLAMA, TOKENS, [torch.tensor(TOKENS)]


def pixels(size):
    x = np.random.default_rng(1).random((2, size, size, 3), "float32")
    return x, [torch.tensor(x).permute(0, 3, 1, 2)]


def vit_pair():
    config = transformers.ViTConfig(image_size=32, patch_size=8, num_labels=5, initializer_range=0.2, **SMALL)
    theirs = transformers.ViTForImageClassification(config).eval()
    return theirs, lambda: vit(32, 8, 16, 2, 2, 32, 5), VIT_LIVE, *pixels(32)


def resnet_pair():
    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[16, 32], depths=[1, 2], num_labels=5)
    theirs = transformers.ResNetForImageClassification(config).eval()
    with torch.no_grad():
        for value in theirs.state_dict().values():
            if value.is_floating_point() and value.ndim == 1:
                value.copy_(torch.rand_like(value) + 0.1)
    return theirs, lambda: resnet(64, 5, 8, (16, 32), (1, 2)), RESNET, *pixels(64)


PAIRS = {"bert": bert_pair, "gpt2": gpt2_pair, "llama": llama_pair, "vit": vit_pair, "resnet": resnet_pair}


@pytest.fixture(scope="module")
def made():
    """Each pair once, with the logits of `transformers`."""
    out = {}
    for name, pair in PAIRS.items():
        torch.manual_seed(0)
        theirs, build, table, inputs, given = pair()
        with torch.no_grad():
            out[name] = (theirs, build, table, inputs, theirs(*given).logits.numpy())
    return out


@pytest.mark.parametrize("name", PAIRS)
def test_logits(trainable_backend, made, name, tmp_path):
    theirs, build, table, inputs, want = made[name]
    ours = build()
    assert table.load(ours, theirs.state_dict()).complete
    assert np.abs(want).max() > 0.1
    found = ours.predict(inputs, verbose=0)
    counts = MASK if name == "bert" else slice(None)
    np.testing.assert_allclose(found[counts], want[counts], atol=1e-5, rtol=0)
    state = table.state_dict(ours)
    theirs.load_state_dict({k: torch.tensor(v) for k, v in state.items()})  # all names, all shapes
    theirs.save_pretrained(tmp_path, max_shard_size="20KB")
    filed, again = VIT if name == "vit" else table, build()
    assert filed.load(again, tmp_path).complete
    assert all(np.array_equal(a, b) for a, b in zip(ours.get_weights(), again.get_weights(), strict=True))


@pytest.mark.parametrize("name", PAIRS)
def test_transformers_reads_what_is_written(made, name, tmp_path):
    theirs, build, table, *_ = made[name]
    ours = build()
    table.load(ours, theirs.state_dict())
    theirs.config.save_pretrained(tmp_path)
    for most in (None, 2e-5):
        (VIT if name == "vit" else table).save(ours, tmp_path / "model.safetensors", max_shard_size=most)
        again, about = type(theirs).from_pretrained(tmp_path, output_loading_info=True)
        assert not any(v for k, v in about.items() if k != "missing_keys"), about
        assert all("num_batches_tracked" in k for k in about["missing_keys"])
        assert all(torch.equal(v, again.state_dict()[k]) for k, v in theirs.state_dict().items())


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_greedy_tokens(trainable_backend, made, name):
    theirs, build, table, *_ = made[name]
    ours = build()
    table.load(ours, theirs.state_dict())
    options = {"do_sample": False, "pad_token_id": 0, "eos_token_id": None, "max_length": 16}
    with torch.no_grad():
        want = theirs.generate(torch.tensor(TOKENS), attention_mask=torch.ones(2, 7, dtype=torch.long), **options)
    np.testing.assert_array_equal(generation.generate(ours, TOKENS, 16), want.numpy())
