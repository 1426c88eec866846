"""GPTQ and AWQ: against Keras's grids and layouts, against their definitions, and on every engine."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.quantizers import calibration

import kfront
from kfront import layers, quantizers
from kfront.errors import ArgumentError, ArgumentTypeError, ShapeError, UnsupportedError
from kfront.models.calibrating import windows
from kfront.quantizers.calibrated import Statistics, awq, gptq, nearest

WANT = json.loads(calibration.VALUES.read_text())
GPTQ = quantizers.GPTQConfig


def independent(size):
    """Statistics of inputs that have nothing to do with each other: nothing is to be made up for."""
    found = Statistics(size)
    found.add(np.eye(size))
    return found


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", calibration.CONFIGS)
def test_grids_layouts_and_outputs_are_those_of_keras(backend, name):
    _, structure = calibration.model(kfront)
    for block in structure["sequential_blocks"]:
        for layer in calibration.inner(block):
            layer._calibrate(calibration.config(kfront, name), independent(layer._calibrated_sizes()[1]))
    got, want = calibration.result(kfront, structure), WANT[name]
    assert got["names"] == want["names"]
    ties = "symmetric" in name
    newer = "awq" in name  # values are those of Keras 3.16, see tests/keras_next
    for layer, values in want["values"].items():
        have, wanted = ([np.asarray(v) for v in x] for x in (got["values"][layer], values))
        wanted[-1] = np.floor(wanted[-1])  # Keras leaves the groups unrounded in GPTQ's variables
        if ties:
            compare_levels(have.pop(1), wanted.pop(1))
        for g, w in zip(have, wanted, strict=True):
            assert g.shape == w.shape
            if newer:
                continue
            np.testing.assert_allclose(g, w, rtol=1e-4, atol=2e-6)
    if not ties and not newer:
        np.testing.assert_allclose(got["outputs"], want["outputs"], rtol=1e-3, atol=1e-3)


def compare_levels(got, want):
    """The largest value of a symmetric group lies half-way between two levels: float32 decides in Keras."""
    levels = lambda x: np.stack([x.astype("uint8") & 15, x.astype("uint8") >> 4]).astype("int32")  # noqa: E731
    steps = levels(got) - levels(want)
    assert np.abs(steps).max() <= 1 and (steps != 0).mean() < 0.1


# ---- the algorithms --------------------------------------------------------------------------------------------------


def problem(outputs=60, inputs=12, rows=40, mixed=True):
    g = np.random.default_rng(0)
    x = g.normal(size=(rows, inputs))
    x = (x @ g.normal(size=(inputs, inputs)) if mixed else x) * np.roll(np.geomspace(3, 0.2, inputs), 2)
    statistics = Statistics(inputs)
    for part in np.array_split(x, 3):
        statistics.add(part)
    return g.normal(size=(outputs, inputs)), x, statistics


def by_least_squares(weight, x, config):
    """Columns rounded in turn; after each, those left are the best that there are for what is rounded."""
    hessian = x.T @ x
    hessian += np.eye(len(hessian)) * config.hessian_damping * np.diag(hessian).mean()
    order = np.argsort(-np.diag(x.T @ x)) if config.activation_order else np.arange(len(hessian))
    hessian, w = hessian[np.ix_(order, order)], weight[:, order].copy()
    size, found = config.group_size if config.group_size > 0 else w.shape[1], w.copy()
    for i in range(w.shape[1]):
        if i % size == 0:
            group = w[:, i : i + size]
            low, high = np.minimum(group.min(1), 0), np.maximum(group.max(1), 0)
            scale = (high - low) / (2**config.weight_bits - 1)
            zero = np.rint(-low / scale)
        levels = np.clip(np.rint(w[:, i] / scale) + zero, 0, 2**config.weight_bits - 1)
        found[:, i] = w[:, i] = (levels - zero) * scale
        done, left = slice(0, i + 1), slice(i + 1, None)
        change = w[:, done] - weight[:, order][:, done]
        w[:, left] = weight[:, order][:, left] - np.linalg.solve(hessian[left, left], hessian[left, done] @ change.T).T
    return found[:, np.argsort(order)]


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("group", [-1, 4, 5])
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_gptq_makes_up_for_errors_as_least_squares_does(bits, group, ordered):
    weight, x, statistics = problem()
    config = GPTQ(None, None, weight_bits=bits, group_size=group, activation_order=ordered)
    found = gptq(weight, statistics, config)
    np.testing.assert_allclose(found.matrix, by_least_squares(weight, x, config), rtol=1e-6, atol=1e-8)
    plain = nearest(weight, bits, np.arange(12) // (group if group > 0 else 12))
    error = lambda q: np.square(x @ (q.matrix - weight).T).sum()  # noqa: E731
    assert error(found) < 0.8 * error(plain)
    np.testing.assert_allclose(statistics.error(found.matrix - weight), error(found), rtol=1e-8)


@pytest.mark.parametrize("group", [-1, 50, 140])
def test_gptq_of_wide_weights_in_chunks(group):
    weight, x, statistics = problem(3, 150, 300)
    config = GPTQ(None, None, group_size=group)
    np.testing.assert_allclose(
        gptq(weight, statistics, config).matrix, by_least_squares(weight, x, config), rtol=1e-5, atol=1e-6
    )


def test_gptq_of_fewer_rows_than_inputs_and_of_inputs_that_are_never_seen():
    weight, x, _ = problem(rows=5)
    x[:, 3] = 0
    statistics = Statistics(12)
    statistics.add(x)
    for damping in (0.01, 0.0):
        found = gptq(weight, statistics, GPTQ(None, None, hessian_damping=damping, activation_order=True))
        assert np.isfinite(found.matrix).all()
        assert statistics.error(found.matrix - weight) < statistics.error(
            nearest(weight, 4, np.zeros(12, int)).matrix - weight
        )
        assert np.abs(found.matrix - weight)[:, 3].max() <= found.scale.max() * 0.51


def test_awq_takes_the_best_power_of_the_activations_and_weights():
    weight, x, statistics = problem(mixed=False)
    config = quantizers.AWQConfig(None, None, group_size=4, num_grid_points=8, apply_clip=False)
    found = awq(weight, statistics, config)
    grouped = np.abs(weight).reshape(60, 3, 4)
    sizes = (grouped / grouped.max(-1, keepdims=True)).reshape(60, 12).mean(0)
    activations, tried = np.abs(x).mean(0), []
    for power in np.arange(8) / 8:
        s = activations**power / sizes ** (1 - power)
        s /= np.sqrt(s.max() * s.min())
        rounded = nearest(weight * s, 4, np.arange(12) // 4).matrix / s
        tried.append((np.square(activations * (rounded - weight)).sum(), s))
    best = min(tried, key=lambda t: t[0])
    assert best is not tried[0]
    np.testing.assert_allclose(found.factors, best[1], rtol=1e-8)


# ---- models ----------------------------------------------------------------------------------------------------------


def outputs(structure):
    x = structure["pre_block_layers"][0](calibration.DATA)
    for block in structure["sequential_blocks"]:
        x = block(x)
    return np.asarray(kfront.ops.convert_to_numpy(x))


@pytest.mark.parametrize("name", ["gptq 8 bits", "gptq ordered", "awq groups"])
def test_a_model_is_nearer_than_by_plain_rounding(backend, name):
    make = calibration.functional_block
    plain = outputs(calibration.model(kfront, make)[1])
    model, structure = calibration.quantized(kfront, name, make)
    _, rounded = calibration.model(kfront, make)
    for block in rounded["sequential_blocks"]:
        for layer in calibration.inner(block):
            layer._calibrate(calibration.config(kfront, name), independent(layer._calibrated_sizes()[1]))
    error = np.square(outputs(structure) - plain).mean()
    assert error < 0.8 * np.square(outputs(rounded) - plain).mean()
    assert model.layers[-1].quantization_mode is None  # outside the blocks
    assert structure["pre_block_layers"][0].quantization_mode is None


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", ["gptq", "gptq 2 bits", "gptq ordered groups", "awq groups"])
def test_files(backend, name, tmp_path):
    model, structure = calibration.quantized(kfront, name, calibration.functional_block)
    want = model.predict(calibration.DATA, verbose=0)
    model.save(tmp_path / "m.keras")
    again = kfront.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(calibration.DATA, verbose=0), want)
    layer = calibration.inner(structure["sequential_blocks"][0])[0]
    back = calibration.inner(again.layers[2])[0]
    assert back.dtype_policy == layer.dtype_policy
    assert back.quantization_config == layer.quantization_config.without_data()
    store: dict[str, np.ndarray] = {}
    layer.save_own_variables(store)
    names = layer.variable_serialization_spec[layer.quantization_mode]
    assert len(store) == len(names)
    for i, attribute in enumerate(names):
        np.testing.assert_array_equal(store[str(i)], getattr(layer, attribute).numpy())
    del store["3"]
    with pytest.raises(ShapeError, match="variables in the file"):
        layer.load_own_variables(store)


def test_low_rank_adaptation_on_top(trainable_backend, tmp_path):
    model, structure = calibration.quantized(kfront, "awq groups", calibration.functional_block)
    before = model.predict(calibration.DATA, verbose=0)
    layer = calibration.inner(structure["sequential_blocks"][1])[2]
    values = layer.quantized_kernel.numpy()
    layer.enable_lora(2)
    np.testing.assert_allclose(model.predict(calibration.DATA, verbose=0), before, rtol=1e-5, atol=1e-5)
    model.compile(kfront.optimizers.Adam(0.01), "mse")
    losses = model.fit(calibration.DATA, np.zeros((24, 6, 3)), epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    np.testing.assert_array_equal(layer.quantized_kernel.numpy(), values)
    model.save(tmp_path / "adapted.keras")
    again = kfront.models.load_model(tmp_path / "adapted.keras")
    merged = calibration.inner(again.layers[3])[2].kernel.base
    step = (merged.scale.numpy()[:, merged.group.numpy().astype(int)] / merged.factors.numpy()).T
    assert (np.abs(merged.numpy() - layer.kernel.numpy()) <= 1.01 * step).all()


def test_filters_subclasses_and_layers_without_such_a_form():
    class Mine(layers.Dense):
        pass

    table = layers.Embedding(11, 8)
    block = kfront.Sequential(
        [
            kfront.Input((6, 8)),
            layers.EinsumDense("abc,bcd->abd", (6, 8), name="batched"),
            layers.LayerNormalization(),
            layers.Dense(8, name="left"),
            Mine(8, name="mine"),
            layers.Dense(8, name="taken"),
        ]
    )
    model = kfront.Sequential([kfront.Input((6,), dtype="int32"), table, block])
    structure = {"pre_block_layers": [table], "sequential_blocks": [block]}
    config = calibration.config(kfront, "gptq groups", quantization_layer_structure=structure)
    with pytest.warns(UserWarning, match="have no such form"):
        report = model.quantize("gptq", config, filters="taken|mine|batched")
    assert [x.quantization_mode for x in block.layers] == [None, None, None, None, "gptq"]
    why = {path.rpartition("/")[2]: reason for path, reason in report.skipped}
    assert (why["left"], why["mine"]) == (report.SKIP_FILTERED, report.SKIP_NO_SUPPORT)
    assert [path for path, *_ in report.quantized] == [block.layers[-1].path]
    assert model.predict(calibration.DATA, verbose=0).shape == (24, 6, 8)


def test_the_structure_may_be_the_model_s():
    class Model(kfront.Model):
        def __init__(self):
            super().__init__()
            self.table, self.block = layers.Embedding(11, 8), layers.Dense(8)

        def call(self, x):
            return self.block(self.table(x))

        def get_quantization_layer_structure(self, mode=None):
            return {"pre_block_layers": [self.table], "sequential_blocks": [self.block]}

    model = Model()
    model(calibration.DATA)
    model.quantize(config=calibration.config(kfront, "awq"))
    assert model.block.dtype_policy.name == "awq/4/128_from_float32"


# ---- configs and errors ----------------------------------------------------------------------------------------------


def test_configs():
    config = GPTQ([1], str.split, weight_bits=3, group_size=-1, symmetric=True)
    assert config.mode == "gptq" and config.dtype_policy_string() == "gptq/3/-1"
    values = config.get_config()
    assert values["dataset"] is None and values["tokenizer"] is None and values["symmetric"]
    assert GPTQ.from_config(values).get_config() == values
    awq_values = quantizers.AWQConfig([1], None, num_grid_points=7).get_config()
    assert quantizers.AWQConfig.from_config(awq_values).get_config() == awq_values


@pytest.mark.parametrize(
    ("cls", "wrong"),
    [
        ("GPTQConfig", {"weight_bits": 5}),
        ("GPTQConfig", {"num_samples": 0}),
        ("GPTQConfig", {"sequence_length": -1}),
        ("GPTQConfig", {"hessian_damping": 1.5}),
        ("GPTQConfig", {"group_size": 0}),
        ("AWQConfig", {"weight_bits": 8}),
        ("AWQConfig", {"group_size": -2}),
        ("AWQConfig", {"num_grid_points": 0}),
        ("GPTQConfig", {"calibration_batch_size": 0}),
    ],
)
def test_wrong_configs(cls, wrong):
    with pytest.raises(ArgumentError, match=next(iter(wrong))):
        getattr(quantizers, cls)([1], None, **wrong)


def test_data():
    read = lambda data, tokenizer=None, **k: windows(GPTQ(data, tokenizer, **k)).tolist()  # noqa: E731
    assert read(np.arange(7), sequence_length=3) == [[0, 1, 2], [3, 4, 5]]
    assert read([[1, 2], [3], [[4, 5]]], sequence_length=2, num_samples=1) == [[1, 2]]
    assert read(["ab", "c"], lambda t: [ord(c) for c in t], sequence_length=3) == [[97, 98, 99]]

    class Tokenizer:
        def tokenize(self, text):
            return [len(text)]

    assert read(iter(["ab", "c"]), Tokenizer(), sequence_length=1) == [[2], [1]]
    for data, error, match in (
        (None, ArgumentError, "got None"),
        ([1, 2], ArgumentError, "at least `sequence_length`"),
        (["a"], ArgumentTypeError, "expected a `tokenizer`"),
        ("text", ArgumentTypeError, "got one str"),
        ([0.5], ArgumentTypeError, "integer tokens"),
    ):
        with pytest.raises(error, match=match):
            read(data)


def test_errors():
    model, structure = calibration.model(kfront)
    with pytest.raises(ArgumentError, match="expected a `config` with a dataset"):
        model.quantize("gptq")
    with pytest.raises(ArgumentError, match="'pre_block_layers' and 'sequential_blocks'"):
        model.quantize("awq", config=calibration.config(kfront, "awq"))
    with pytest.raises(ArgumentError, match="at least one block"):
        empty = {**structure, "sequential_blocks": []}
        model.quantize("awq", config=calibration.config(kfront, "awq", quantization_layer_structure=empty))
    with pytest.raises(ArgumentError, match="got None"):
        model.quantize(config=GPTQ(None, None, quantization_layer_structure=structure))
    with pytest.raises(ArgumentError, match="of mode 'awq', got one of mode 'gptq'"):
        model.quantize("awq", config=calibration.config(kfront, "gptq"))
    with pytest.raises(ArgumentError, match="at `quantize` of a model"):
        model.layers[-1].quantize("gptq", config=calibration.config(kfront, "gptq"))
    with pytest.raises(UnsupportedError, match="expected a mode in"):
        structure["pre_block_layers"][0].quantize(config=calibration.config(kfront, "gptq"))
    config = calibration.config(kfront, "gptq", quantization_layer_structure=structure)
    model.quantize(config=config)
    report = model.quantize(config=config)
    assert not report.quantized and len(report.skipped_by_reason(report.SKIP_ALREADY_QUANTIZED)) == 8
    assert report.skipped_by_reason(report.SKIP_OUTSIDE_STRUCTURE)


def test_the_size_of_batches_changes_nothing():
    found = []
    for size in (3, 24):
        config = {"group_size": 4, "calibration_batch_size": size}
        model, structure = calibration.model(kfront)
        given = GPTQ(
            calibration.DATA, None, num_samples=24, sequence_length=6, quantization_layer_structure=structure, **config
        )
        model.quantize(config=given)
        found.append(outputs(structure))
    np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-5)
