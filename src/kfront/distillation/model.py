"""`Distiller`: a model that trains a student on labels and on a teacher."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

from kfront import ops
from kfront.core import codec, tree
from kfront.core.errors import ArgumentError
from kfront.core.typing import Config, CustomObjects, LossLike, Tensor
from kfront.distillation.losses import DistillationLoss
from kfront.metrics import Mean
from kfront.models.model import Model


class _Features(threading.local):
    """What layers of a student gave in the forward pass of a step, until its loss is computed."""

    outputs: object = None
    found: Any = None


_features = _Features()


class Distiller(Model):
    """Trains a student on labels and on what a teacher gives for the same inputs.

    The loss is ``w * student_loss + (1 - w) * distillation_loss``, where w is `student_loss_weight` and the
    distillation loss the weighted sum of those that are given. The teacher is frozen and runs in inference mode. As a
    model, a distiller gives the student's outputs.

    Args:
        teacher: a Model.
        student: a Model with inputs and outputs of the same shapes.
        distillation_losses: a `DistillationLoss`, or a list of them.
        distillation_loss_weights: a number for each of them; 1 if None.
        student_loss_weight: w, from 0 to 1.
        name: the model's name.
        **kwargs: for `Model`.

    Attributes:
        teacher: the teacher.
        student: the student, to be used on its own after training.

    Raises:
        ArgumentError: models, losses and weights that do not fit together.

    Reference: Hinton et al., 2015, https://arxiv.org/abs/1503.02531.

    Example:

    >>> import kfront, numpy as np
    >>> def classifier(units):
    ...     layers = [kfront.Input((4,)), kfront.layers.Dense(units, "relu"), kfront.layers.Dense(3)]
    ...     return kfront.Sequential([*layers, kfront.layers.Softmax()])
    >>> distiller = kfront.distillation.Distiller(
    ...     classifier(64), classifier(8), kfront.distillation.LogitsDistillation(temperature=1.0))
    >>> distiller.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    >>> history = distiller.fit(np.ones((8, 4)), np.zeros(8), verbose=0)
    >>> distiller.student.predict(np.ones((2, 4)), verbose=0).shape
    (2, 3)
    """

    def __init__(
        self,
        teacher: Model,
        student: Model,
        distillation_losses: object,
        distillation_loss_weights: object = None,
        student_loss_weight: float = 0.5,
        name: str = "distiller",
        **kwargs: object,
    ) -> None:
        super().__init__(name=name, **kwargs)
        losses = _as_list(distillation_losses)
        weights = [1.0] * len(losses) if distillation_loss_weights is None else _as_list(distillation_loss_weights)
        _check(teacher, student, losses, weights, student_loss_weight)
        self.teacher, self.student = teacher, student
        teacher.trainable = False
        self.student_loss_weight = student_loss_weight
        self.distillation_losses, self.distillation_loss_weights = losses, weights
        self.student_loss_tracker = Mean(name="student_loss")
        self.distillation_loss_tracker = Mean(name="distillation_loss")
        self.total_loss_tracker = Mean(name="total_loss")

    def compile(self, optimizer: Any = "adam", loss: LossLike = None, metrics: Any = None, **kwargs: Any) -> None:
        """Say how the student is trained.

        Args:
            optimizer: as for any model.
            loss: the student's loss on labels.
            metrics: as for any model.
            **kwargs: as for any model.

        Raises:
            ArgumentError: there is no loss.
        """
        if loss is None:
            raise ArgumentError("[Distiller] expected a `loss` for the student on labels, got None.")
        super().compile(optimizer=optimizer, loss=loss, metrics=metrics, **kwargs)

    def compile_from_config(self, config: Config) -> None:
        """Compile from `get_compile_config`; files that Keras wrote hold no loss, and their models stay uncompiled.

        Args:
            config: the arguments of `compile`, serialized.
        """
        if config.get("loss") is not None:
            super().compile_from_config(config)

    # -- running ------------------------------------------------------------------------------------------------------

    def call(self, inputs: Tensor, training: Any = None, **kwargs: Any) -> Any:
        """The student's outputs.

        Args:
            inputs: the inputs of both models.
            training: whether the student is trained.
            **kwargs: for the student.
        """
        names = _layer_names(self.distillation_losses, "student")
        if not names:
            return self.student(inputs, training=training, **kwargs)
        outputs, found = self._extractor("student", names)(inputs, training=training)
        _features.outputs, _features.found = outputs, found
        return outputs

    def _extractor(self, who: str, names: Sequence[str]) -> Any:
        """A model that gives a model's outputs, and those of its layers of these names."""
        known = self.__dict__.setdefault("_extractors", {})
        made = known.get(who)
        if made is None:
            model = getattr(self, who)
            found = {name: model.get_layer(name).output for name in names}
            made = known[who] = Model(model.input, [model.output, found], name=f"{who}_features")
        return made

    def _pairs(self, x: object, y_pred: object, training: bool) -> Iterator[tuple[Any, Any, Any]]:
        """For each distillation loss, what the teacher and what the student gives."""
        names = _layer_names(self.distillation_losses, "teacher")
        with self._kf_backend.no_grad():
            if names:
                final, inner = self._extractor("teacher", names)(x, training=False)
            else:
                final, inner = self.teacher(x, training=False), {}
            final, inner = tree.map_structure(ops.stop_gradient, (final, inner))
        mine: dict[str, object] = {}
        if _layer_names(self.distillation_losses, "student"):
            if _features.outputs is not y_pred:
                self(x, training=training)
            mine, _features.outputs, _features.found = _features.found, None, None
        for loss in self.distillation_losses:
            t, s = _name_of(loss, "teacher"), _name_of(loss, "student")
            yield loss, (final if t is None else inner[t]), (y_pred if s is None else mine[s])

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """The student's and the teacher's part of the loss of a batch, weighted, a scalar tensor.

        Args:
            x: inputs.
            y: targets; without them the student's part is 0.
            y_pred: outputs of the student; computed if None.
            sample_weight: weights of the samples in the student's loss.
            training: whether this is a training step.
        """
        if y_pred is None:
            y_pred = self(x, training=training)
        weight = self.student_loss_weight
        student = distilled = ops.zeros((), self._loss_tracker.dtype)
        if weight > 0 and y is not None:
            student = super().compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training)
        if weight < 1:
            for factor, (loss, t, s) in zip(
                self.distillation_loss_weights, self._pairs(x, y_pred, training), strict=True
            ):
                loss.validate_outputs(t, s)
                distilled = distilled + factor * loss.compute_loss(t, s)
        total = weight * student + (1.0 - weight) * distilled
        self.student_loss_tracker.update_state(student)
        self.distillation_loss_tracker.update_state(distilled)
        self.total_loss_tracker.update_state(total)
        return total

    # -- files --------------------------------------------------------------------------------------------------------

    def get_config(self) -> Config:
        """Constructor arguments; models and losses in their serialized form."""
        named = ("teacher", "student", "distillation_losses")
        return {
            **super().get_config(),
            **{k: codec.serialize_keras_object(getattr(self, k)) for k in named},
            "distillation_loss_weights": list(self.distillation_loss_weights),
            "student_loss_weight": self.student_loss_weight,
        }

    @classmethod
    def from_config(cls, config: Config, custom_objects: CustomObjects = None) -> Any:
        """A distiller from its config.

        Args:
            config: as `get_config` returns it.
            custom_objects: classes and functions by name.
        """
        return cls(**codec.with_objects(config, ("teacher", "student", "distillation_losses"), custom_objects))


def _as_list(x: object) -> list[object]:
    return list(x) if isinstance(x, (list, tuple)) else [x]


def _name_of(loss: object, who: str) -> str | None:
    """The layer whose outputs a loss compares; None for the final outputs."""
    return getattr(loss, f"{who}_layer_name", None)


def _layer_names(losses: Sequence[object], who: str) -> list[str]:
    return sorted({name for loss in losses if (name := _name_of(loss, who)) is not None})


def _check(teacher: Any, student: Model, losses: list[Any], weights: Sequence[object], student_weight: object) -> None:
    for who, model in (("teacher", teacher), ("student", student)):
        if not isinstance(model, Model):
            raise ArgumentError(f"[Distiller] expected `{who}` to be a Model, got {model!r}.")
    wrong = [x for x in losses if not isinstance(x, DistillationLoss)]
    if wrong or not losses:
        raise ArgumentError(f"[Distiller] expected `distillation_losses` of DistillationLoss, got {wrong or losses}.")
    if len(weights) != len(losses):
        raise ArgumentError(
            f"[Distiller] expected one of `distillation_loss_weights` for each of {len(losses)} losses, got {weights}."
        )
    if isinstance(student_weight, bool) or not isinstance(student_weight, (int, float)) or not 0 <= student_weight <= 1:
        raise ArgumentError(f"[Distiller] expected `student_loss_weight` from 0 to 1, got {student_weight!r}.")
    for what in ("inputs", "outputs"):
        _check_tensors(what, *(getattr(m, what, None) if m.built else None for m in (teacher, student)))
    for loss in losses:
        loss.validate_model_compatibility(teacher, student)


def _check_tensors(what: str, teacher: object, student: object) -> None:
    """Symbolic inputs or outputs of both models must be alike; a subclassed or unbuilt model has none to compare."""
    if teacher is None or student is None:
        return
    kinds = [[(tuple(x.shape), x.dtype) for x in tree.flatten(tensors)] for tensors in (teacher, student)]
    if len(kinds[0]) != len(kinds[1]) or not all(map(_alike, *kinds)):
        raise ArgumentError(
            f"[Distiller] expected a student with {what} of the teacher's shapes and dtypes, {kinds[0]}, "
            f"got {kinds[1]}."
        )


def _alike(a: tuple[Any, str], b: tuple[Any, str]) -> bool:
    """Whether two (shape, dtype) are the same; a size that is not known is like any."""
    shapes = a[0], b[0]
    sizes = len(a[0]) == len(b[0]) and all(None in (m, n) or m == n for m, n in zip(*shapes, strict=True))
    return sizes and a[1] == b[1]
