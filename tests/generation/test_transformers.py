"""GPT-2 and Llama with the weights of `transformers` write what those write: greedily, and by beam search."""

from __future__ import annotations

import numpy as np
import pytest
from examples.language_models import gpt2, llama

import kfront
from kfront import generation

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

PROMPT = [[1, 2, 3], [4, 5, 6]]
END = 7


@pytest.fixture(scope="module")
def gpt_pair():
    torch.manual_seed(0)
    sizes = {"vocab_size": 40, "n_positions": 32, "n_embd": 16, "n_layer": 2, "n_head": 2, "bos_token_id": 0}
    theirs = transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes, initializer_range=0.5)).eval()
    found = {k: v.numpy() for k, v in theirs.state_dict().items()}
    values = [found["transformer.wte.weight"], found["transformer.wpe.weight"]]
    for i in range(2):
        at = lambda name, i=i: found[f"transformer.h.{i}.{name}"]  # noqa: E731
        values += [at("ln_1.weight"), at("ln_1.bias")]
        for kernel, bias in zip(
            np.split(at("attn.c_attn.weight"), 3, 1), np.split(at("attn.c_attn.bias"), 3), strict=True
        ):
            values += [kernel, bias]
        values += [at("attn.c_proj.weight"), at("attn.c_proj.bias"), at("ln_2.weight"), at("ln_2.bias")]
        values += [at(f"mlp.{n}.{k}") for n in ("c_fc", "c_proj") for k in ("weight", "bias")]
    values += [found["transformer.ln_f.weight"], found["transformer.ln_f.bias"]]
    return theirs, given(lambda: gpt2(40, 16, 2, 2, 32), values)


@pytest.fixture(scope="module")
def llama_pair():
    torch.manual_seed(0)
    sizes = {"vocab_size": 40, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 32}
    theirs = transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes, **heads, initializer_range=0.5)).eval()
    found = {k: v.numpy() for k, v in theirs.state_dict().items()}
    values = [found["model.embed_tokens.weight"]]
    for i in range(2):
        at = lambda name, i=i: found[f"model.layers.{i}.{name}.weight"]  # noqa: E731
        values += [
            at("input_layernorm"),
            *(at(f"self_attn.{n}_proj").T for n in "qkvo"),
            at("post_attention_layernorm"),
        ]
        values += [at(f"mlp.{n}_proj").T for n in ("gate", "up", "down")]
    values += [found["model.norm.weight"], found["lm_head.weight"].T]
    return theirs, given(lambda: llama(40, 16, 2, 4, 2, 32), values)


def given(build, values):
    with kfront.backend_scope("torch"):
        model = build()
        for weight, value in zip(model.weights, values, strict=True):
            weight.assign(value.reshape(weight.shape))
    return model


@pytest.fixture(params=["gpt_pair", "llama_pair"])
def pair(request):
    return request.getfixturevalue(request.param)


def by_transformers(model, **options):
    options = {"do_sample": False, "pad_token_id": 0, "max_length": 14, **options}
    with torch.no_grad():
        out = model.generate(torch.tensor(PROMPT), attention_mask=torch.ones(2, 3, dtype=torch.long), **options).numpy()
    out = np.pad(out, ((0, 0), (0, 14 - out.shape[1])))
    for row in out:  # what is behind the end is padding, of one kind or another
        ends = np.flatnonzero(row[3:] == options["eos_token_id"])
        row[len(PROMPT[0]) + ends[0] + 1 if len(ends) else 14 :] = 0
    return out


def test_logits(pair):
    theirs, ours = pair
    with torch.no_grad():
        want = theirs(torch.tensor(PROMPT)).logits.numpy()
    np.testing.assert_allclose(ours.predict(np.array(PROMPT), verbose=0), want, atol=1e-4, rtol=1e-5)


def test_greedy(pair):
    theirs, ours = pair
    for stop in (None, END):
        want = by_transformers(theirs, eos_token_id=stop)
        np.testing.assert_array_equal(generation.generate(ours, PROMPT, 14, stop=stop), want)


@pytest.mark.parametrize("penalty", [1.0, 0.0, -1.0])
def test_beam(pair, penalty):
    theirs, ours = pair
    for stop in (None, END, 33):
        want = by_transformers(theirs, eos_token_id=stop, num_beams=3, length_penalty=penalty, early_stopping=False)
        got = generation.generate(ours, PROMPT, 14, generation.Beam(3, penalty), stop=stop)
        np.testing.assert_array_equal(got, want)
