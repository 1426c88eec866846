"""Typical arguments of what is no layer and no op."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .made import Made, k
from .subjects import Subject, Use

__all__ = ["OBJECTS"]


def _numbers(*shape: int, seed: int = 0, low: float = -1.0, high: float = 1.0) -> np.ndarray:
    return np.random.Generator(np.random.Philox(key=[seed, len(shape)])).uniform(low, high, shape).astype("float32")


X = _numbers(4, 3)
SHARES = X - X.min(-1, keepdims=True) + 0.1
P = (SHARES / SHARES.sum(-1, keepdims=True)).astype("float32")  # rows that sum to 1
ONE_HOT = np.eye(3, dtype="float32")[[0, 2, 1, 2]]
CLASSES = np.array([0, 2, 1, 2], "int32")
BITS = (X > 0).astype("float32")
WEIGHTS = np.array([1.0, 0.5, 2.0, 0.0], "float32")
Y = _numbers(4, 3, seed=1)

# what y_true and y_pred are for a loss or metric, by words in its name; the first that fits
PAIRS: dict[str, tuple[Any, Any]] = {
    "ctc": (np.array([[1, 2], [2, 1]], "int32"), _numbers(2, 5, 4, seed=3)),
    "circle": (CLASSES, (X / np.linalg.norm(X, axis=-1, keepdims=True)).astype("float32")),
    "sparse": (CLASSES, P),
    "topkcategorical": (ONE_HOT, P),
    "binaryiou": (BITS, P),
    "onehot": (ONE_HOT, P),
    "meaniou": (CLASSES, np.array([0, 2, 2, 1], "int32")),
    "iou": (CLASSES, np.array([0, 2, 2, 1], "int32")),
    "binary": (BITS, P),
    "categorical": (ONE_HOT, P),
    "hinge": (BITS, X),
    "dice": (BITS.reshape(2, 2, 3), P.reshape(2, 2, 3)),
    "tversky": (BITS.reshape(2, 2, 3), P.reshape(2, 2, 3)),
    "kl": (P, np.roll(P, 1, 0)),
    "poisson": (P, np.roll(P, 1, 0)),
    "f1": (ONE_HOT, P),
    "fbeta": (ONE_HOT, P),
    "logarithmic": (P, np.roll(P, 1, 0)),
    "auc": (BITS, P),
    "precision": (BITS, P),
    "recall": (BITS, P),
    "sensitivity": (BITS, P),
    "specificity": (BITS, P),
    "positives": (BITS, P),
    "negatives": (BITS, P),
    "": (Y, X),
}


def _pair(name: str) -> tuple[Any, Any]:
    plain = name.replace("_", "").lower()
    return next(pair for word, pair in PAIRS.items() if word in plain)


def _object(made: Made, *uses: Use, tag: str = "plain", random: bool = False) -> Subject:
    return Subject(made.path, tag, made, uses, "object", random)


def _losses() -> Iterator[Subject]:
    names = """BinaryCrossentropy BinaryFocalCrossentropy CTC CategoricalCrossentropy CategoricalFocalCrossentropy
    CategoricalGeneralizedCrossEntropy CategoricalHinge Circle CosineSimilarity Dice Hinge Huber KLDivergence LogCosh
    MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson
    SparseCategoricalCrossentropy SquaredHinge Tversky"""
    for name in names.split():
        y, p = _pair(name)
        weights = {"sample_weight": WEIGHTS[: len(y)]}
        made = getattr(k.losses, name)()
        yield _object(made, Use("", (y, p)), Use("", (y, p), weights))
    functions = """binary_crossentropy binary_focal_crossentropy categorical_crossentropy categorical_focal_crossentropy
    categorical_generalized_cross_entropy categorical_hinge circle cosine_similarity ctc dice hinge huber kl_divergence
    log_cosh mean_absolute_error mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error
    poisson sparse_categorical_crossentropy squared_hinge tversky"""
    for name in functions.split():
        yield _function(getattr(k.losses, name)(*_pair(name)))


def _metrics() -> Iterator[Subject]:
    given: dict[str, dict[str, Any]] = {
        "BinaryIoU": {"target_class_ids": [0, 1]},
        "IoU": {"num_classes": 3, "target_class_ids": [0, 2]},
        "OneHotIoU": {"num_classes": 3, "target_class_ids": [0, 2]},
        "MeanIoU": {"num_classes": 3},
        "OneHotMeanIoU": {"num_classes": 3},
        "PrecisionAtRecall": {"recall": 0.5},
        "RecallAtPrecision": {"precision": 0.5},
        "SensitivityAtSpecificity": {"specificity": 0.5},
        "SpecificityAtSensitivity": {"sensitivity": 0.5},
        "SparseTopKCategoricalAccuracy": {"k": 2},
        "TopKCategoricalAccuracy": {"k": 2},
        "FBetaScore": {"average": "macro"},
        "F1Score": {"average": "macro"},
    }
    names = """AUC Accuracy BinaryAccuracy BinaryCrossentropy BinaryIoU CategoricalAccuracy CategoricalCrossentropy
    CategoricalHinge ConcordanceCorrelation CosineSimilarity F1Score FBetaScore FalseNegatives FalsePositives Hinge IoU
    KLDivergence LogCoshError MeanAbsoluteError MeanAbsolutePercentageError MeanIoU MeanSquaredError
    MeanSquaredLogarithmicError OneHotIoU OneHotMeanIoU PearsonCorrelation Poisson Precision PrecisionAtRecall R2Score
    Recall RecallAtPrecision RootMeanSquaredError SensitivityAtSpecificity SparseCategoricalAccuracy
    SparseCategoricalCrossentropy SparseTopKCategoricalAccuracy SpecificityAtSensitivity SquaredHinge
    TopKCategoricalAccuracy TrueNegatives TruePositives"""
    for name in names.split():
        y, p = _pair(name)
        made = getattr(k.metrics, name)(**given.get(name, {}))
        weighted = Use("update_state", (y, p), {"sample_weight": WEIGHTS})
        yield _object(
            made,
            Use("update_state", (y, p)),
            Use("result"),
            weighted,
            Use("result"),
            Use("reset_state"),
            Use("", (y, p)),
        )
    for name in ("Mean", "Sum"):
        weighted = Use("update_state", (X,), {"sample_weight": WEIGHTS[:, None]})
        yield _object(getattr(k.metrics, name)(), Use("update_state", (X,)), Use("result"), weighted, Use("result"))
    wrapped = k.metrics.MeanMetricWrapper(k.losses.mean_squared_error)
    yield _object(wrapped, Use("update_state", (Y, X)), Use("result"))
    functions = """binary_accuracy categorical_accuracy concordance_correlation pearson_correlation
    sparse_categorical_accuracy sparse_top_k_categorical_accuracy top_k_categorical_accuracy"""
    for name in functions.split():
        yield _function(getattr(k.metrics, name)(*_pair(name)))


def _optimizers() -> Iterator[Subject]:
    given: dict[str, dict[str, Any]] = {"LossScaleOptimizer": {"inner_optimizer": k.optimizers.SGD(0.1)}}
    names = """Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lamb Lion LossScaleOptimizer Muon Nadam RMSprop SGD
    ScheduleFreeAdamW"""
    for name in names.split():
        variables = [k.Variable(_numbers(4, 3, seed=5), name="a"), k.Variable(_numbers(3, seed=6), name="b")]
        apply = Use("apply", ([_numbers(4, 3, seed=7), _numbers(3, seed=8)], variables))
        made = getattr(k.optimizers, name)(**given.get(name, {}))
        yield _object(made, Use("build", (variables,)), apply, apply, apply)
    schedules = k.optimizers.schedules
    for made in (
        schedules.CosineDecay(0.1, 10),
        schedules.CosineDecayRestarts(0.1, 5),
        schedules.ExponentialDecay(0.1, 10, 0.5),
        schedules.InverseTimeDecay(0.1, 10, 0.5),
        schedules.PiecewiseConstantDecay([3, 8], [0.1, 0.05, 0.01]),
        schedules.PolynomialDecay(0.1, 10),
    ):
        yield _object(made, Use("", (0,)), Use("", (4,)), Use("", (30,)), Use("", (2.5,)))


def _initializers() -> Iterator[Subject]:
    i = k.initializers
    drawn = """GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform OrthogonalInitializer RandomNormal
    RandomUniform TruncatedNormal VarianceScaling"""
    shape = Use("", ((6, 4),))
    for name in drawn.split():
        yield _object(getattr(i, name)(), shape, Use("", ((2, 3, 4, 5),), {"dtype": "float16"}), random=True)
    for made in (i.Constant(2.0), i.Ones(), i.Zeros(), i.IdentityInitializer()):
        yield _object(made, shape, Use("", ((3, 3),), {"dtype": "float16"}))
    yield _object(i.STFTInitializer(), Use("", ((8, 1, 5),)))


def _small() -> Iterator[Subject]:
    for made in (
        k.regularizers.L1(),
        k.regularizers.L2(),
        k.regularizers.L1L2(0.1, 0.2),
        k.regularizers.OrthogonalRegularizer(),
    ):
        yield _object(made, Use("", (X,)))
    for made in (
        k.constraints.MaxNorm(0.5),
        k.constraints.MinMaxNorm(0.2, 0.5),
        k.constraints.NonNeg(),
        k.constraints.UnitNorm(),
    ):
        yield _object(made, Use("", (X,)))
    policies = k.dtype_policies
    for made in (
        *(policies.DTypePolicy("mixed_float16"), policies.FloatDTypePolicy("float32")),
        *(
            policies.QuantizedDTypePolicy("int8", "float32"),
            policies.QuantizedFloat8DTypePolicy("float8", "mixed_bfloat16"),
        ),
        *(policies.Int4DTypePolicy("int4/-1", "float32"), policies.DTypePolicyMap()),
        *(policies.GPTQDTypePolicy("gptq/4/128", "float32"), policies.AWQDTypePolicy("awq/4/128", "float32")),
    ):
        yield _object(made)
    yield _object(k.quantizers.AbsMaxQuantizer(axis=-1), Use("", (X,)))
    for name in ("Int8QuantizationConfig", "Int4QuantizationConfig", "Float8QuantizationConfig"):
        yield _object(getattr(k.quantizers, name)())
    yield _object(k.random.SeedGenerator(3), Use("next"), Use("next"), random=True)
    yield _object(
        k.Variable(X, name="v"), Use("assign", (X * 2,)), Use("assign_add", (X,)), Use("assign_sub", (X,)), Use("numpy")
    )
    yield _object(k.KerasTensor((None, 3), "float32", name="t"))
    yield _object(k.InputSpec(shape=(None, 3), ndim=2))
    yield _object(k.layers.InputLayer((3,)))
    yield _object(k.utils.Config(a=1, b=2), Use("as_dict"))


def _callbacks() -> Iterator[Subject]:
    c = k.callbacks
    for made in (
        *(c.Callback(), c.CallbackList(), c.EarlyStopping(), c.History(), c.LambdaCallback(), c.ProgbarLogger()),
        *(c.LearningRateScheduler(round), c.ModelCheckpoint("a.keras"), c.CSVLogger("a.csv"), c.RemoteMonitor()),
        *(c.BackupAndRestore("folder"), c.ReduceLROnPlateau(), c.SwapEMAWeights(), c.TensorBoard(), c.TerminateOnNaN()),
    ):
        yield _object(made)


def _function(made: Made, tag: str = "plain", random: bool = False) -> Subject:
    return Subject(made.path, tag, made, (), "function", random)


def _functions() -> Iterator[Subject]:
    names = """celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu linear log_sigmoid
    log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparse_sigmoid
    sparsemax squareplus tanh tanh_shrink threshold"""
    given: dict[str, tuple[Any, ...]] = {"threshold": (0.1, 0.2)}
    for name in names.split():
        yield _function(getattr(k.activations, name)(_numbers(3, 4, seed=2), *given.get(name, ())))
    for package in ("activations", "initializers", "regularizers", "constraints", "losses", "metrics", "optimizers"):
        word = {"activations": "relu", "initializers": "zeros", "regularizers": "l2", "constraints": "non_neg"}
        yield _function(getattr(k, package).get(word.get(package, "sgd" if package == "optimizers" else "mse")))
    yield _function(k.dtype_policies.get("mixed_float16"))
    u, p = k.utils, k.preprocessing
    yield _function(u.to_categorical(CLASSES, 3))
    yield _function(u.normalize(X))
    yield _function(u.pad_sequences([[1, 2, 3], [4], []]))
    yield _function(u.pack_x_y_sample_weight(X, Y))
    yield _function(u.unpack_x_y_sample_weight((X, Y)))
    yield _function(u.standardize_dtype("float32"))
    yield _function(u.array_to_img(_numbers(4, 5, 3, low=0, high=1)))
    yield _function(u.split_dataset(X, 0.5))
    yield _function(u.get_registered_name(k.layers.Dense))
    yield _function(p.image.smart_resize(_numbers(6, 5, 3), (4, 4)))
    yield _function(k.backend.result_type("int32", "float16"))
    yield _function(k.backend.is_float_dtype("float16"))
    yield _function(k.backend.is_int_dtype("int8"))
    boxes = np.array([[[0.0, 0.0, 2.0, 3.0], [1.0, 1.0, 4.0, 4.0]]], "float32")
    b = u.bounding_boxes
    yield _function(b.convert_format(boxes, "xyxy", "center_xywh"))
    yield _function(b.compute_iou(boxes, boxes + 1, "xyxy"))
    yield _function(b.compute_ciou(boxes[0], boxes[0] + 1, "xyxy"))
    yield _function(b.clip_to_image_size({"boxes": boxes, "labels": np.zeros((1, 2), "int32")}, 3, 3, "xyxy"))
    q = k.quantizers
    yield _function(q.abs_max_quantize(X, -1))
    yield _function(q.pack_int4(np.array([[1, -2], [3, -4]], "int8")))
    yield _function(q.compute_float8_scale(2.0, 1.0, 448.0))
    yield _function(q.fake_quant_with_min_max_vars(X, -0.5, 0.5))
    yield _function(k.tree.flatten({"b": [1, 2], "a": (3,)}))
    yield _function(k.tree.is_nested([1]))
    r = k.random
    for made in (
        *(r.beta((2, 3), 0.5, 0.5, seed=1), r.binomial((2, 3), 5, 0.5, seed=1), r.gamma((2, 3), 0.5, seed=1)),
        *(r.normal((2, 3), seed=1), r.uniform((2, 3), seed=1), r.truncated_normal((2, 3), seed=1)),
        *(
            r.randint((2, 3), 0, 5, seed=1),
            r.categorical(X, 2, seed=1),
            r.shuffle(X, seed=1),
            r.dropout(X, 0.5, seed=1),
        ),
    ):
        yield _function(made, random=True)
    layers = k.layers
    for name in ("add", "average", "concatenate", "maximum", "minimum", "multiply", "subtract"):
        yield _function(getattr(layers, name)([X, Y]))
    yield _function(layers.dot([X, Y], axes=-1))
    yield _function(k.Input((3,)))


def _models() -> Iterator[Subject]:
    x = k.Input((3,))
    said, called = {"verbose": 0}, (Use("", (X,)), Use("", (k.Input((3,)),)), Use("summary", (), {"print_fn": repr}))
    told = (Use("get_config"), Use("to_json"), Use("save", ("model.keras",)), Use("save_weights", ("a.weights.h5",)))
    trained = (
        Use("compile", ("sgd", "mse"), {"metrics": ["mae"]}),
        Use("fit", (X, Y), {"validation_data": (X, Y), **said}),
        *(Use("evaluate", (X, Y), said), Use("predict", (X,), said), Use("predict_on_batch", (X,))),
        *(Use("train_on_batch", (X, Y)), Use("test_on_batch", (X, Y)), Use("load_weights", ("a.weights.h5",))),
    )
    sequential = k.Sequential([k.Input((3,)), k.layers.Dense(3)])
    yield Subject("Sequential", "dense", sequential, (*called, *told, *trained, *told), "model")
    yield Subject("Model", "sum", k.Model(x, k.layers.add([x, x])), (*called, *told), "model")


OBJECTS: list[Subject] = [
    *(*_losses(), *_metrics(), *_optimizers(), *_initializers(), *_small(), *_callbacks(), *_functions(), *_models()),
]
