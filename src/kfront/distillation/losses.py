"""What a student learns from its teacher: final outputs, or outputs of layers inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kfront import losses as loss_module
from kfront import ops
from kfront.core import codec, tree
from kfront.core.errors import ArgumentError
from kfront.core.typing import Config, Nested, Tensor

if TYPE_CHECKING:
    from kfront.models.model import Model


class DistillationLoss:
    """Base of the losses between a teacher and a student: define `compute_loss`, and `get_config` for files.

    Example:

    >>> import kfront
    >>> from kfront import ops
    >>> class Largest(kfront.distillation.DistillationLoss):
    ...     def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
    ...         return ops.max(ops.abs(teacher_outputs - student_outputs))
    >>> float(Largest().compute_loss(ops.array([1.0, 2.0]), ops.array([1.5, 4.0])))
    2.0
    """

    teacher_layer_name: str | None = None
    student_layer_name: str | None = None

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        """How far the student is from the teacher, a scalar tensor.

        Args:
            teacher_outputs: what the teacher gives, nested tensors.
            student_outputs: what the student gives, in the same structure.
            **kwargs: for losses of your own.
        """
        raise NotImplementedError(f"[{type(self).__name__}] expected the class to define `compute_loss`.")

    def validate_outputs(self, teacher_outputs: Nested[Tensor], student_outputs: Nested[Tensor]) -> None:
        """Check that outputs fit together.

        Args:
            teacher_outputs: nested tensors.
            student_outputs: nested tensors.

        Raises:
            ArgumentError: their structures differ.
        """
        _same_structure(type(self).__name__, "outputs of the student", student_outputs, teacher_outputs)

    def validate_model_compatibility(self, teacher: Model, student: Model) -> None:
        """Check that two models have what this loss needs.

        Args:
            teacher: the teacher, a Model.
            student: the student, a Model.

        Raises:
            ArgumentError: they have not.
        """

    def get_config(self) -> Config:
        """Constructor arguments."""
        return {}

    @classmethod
    def from_config(cls, config: Config) -> Any:
        """A loss from its config.

        Args:
            config: as `get_config` returns it.
        """
        return cls(**config)


class _Nested(DistillationLoss):
    """Base of those that apply an ordinary loss, or nested ones, to pairs of outputs."""

    loss: object

    def _take(self, loss: object) -> Any:
        """The losses that were asked for, found by name."""
        found = tree.traverse(_found, loss)
        if not any(one is not None for one in tree.flatten(found)):
            raise ArgumentError(f"[{type(self).__name__}] expected at least one loss in `loss`, got {loss!r}.")
        return found

    def _total(self, teacher: Model, student: Model) -> Tensor | None:
        """The sum of the losses of all outputs that have one."""
        _same_structure(type(self).__name__, "outputs of the teacher", teacher, self.loss)
        _same_structure(type(self).__name__, "outputs of the student", student, self.loss)
        total = None
        for loss, t, s in zip(*map(tree.flatten, (self.loss, teacher, student)), strict=True):
            if loss is not None:
                value = _mean(loss(t, s))
                total = value if total is None else total + value
        return total

    def get_config(self) -> Config:
        """Constructor arguments; losses in their serialized form."""
        return {"loss": codec.serialize_keras_object(self.loss)}

    @classmethod
    def from_config(cls, config: Config) -> Any:
        """A loss from its config.

        Args:
            config: as `get_config` returns it.
        """
        return cls(**codec.with_objects(config, ("loss",)))


class LogitsDistillation(_Nested):
    """The student is to give what the teacher gives.

    The outputs of both are divided by the temperature and handed to the loss as they are then, targets first, as Keras
    does it. For the divergence of softened distributions of Hinton et al. (2015, https://arxiv.org/abs/1503.02531) let
    both models end in a softmax and take the temperature 1, or pass a function that applies it (second example).

    Args:
        temperature: what outputs are divided by, positive; 3 to 5 as a rule.
        loss: name of a loss, a Loss, a function of (teacher, student), or these nested as the models' outputs are; None
            leaves an output out.

    Raises:
        ArgumentError: a temperature that is no positive number, or no loss at all.

    Example:

    >>> import kfront
    >>> from kfront import ops
    >>> teacher, student = ops.array([[4.0, 0.0]]), ops.array([[2.0, 0.0]])
    >>> float(kfront.distillation.LogitsDistillation(2.0, loss="mse").compute_loss(teacher, student))
    0.5
    >>> def softened(t, s):
    ...     return kfront.losses.kl_divergence(ops.softmax(t), ops.softmax(s)) * 2.0**2
    >>> round(float(kfront.distillation.LogitsDistillation(2.0, loss=softened).compute_loss(teacher, student)), 4)
    0.2685
    """

    def __init__(self, temperature: float = 3.0, loss: object = "kl_divergence") -> None:
        if isinstance(temperature, bool) or not isinstance(temperature, (int, float)) or not temperature > 0:
            raise ArgumentError(f"[LogitsDistillation] expected a `temperature` > 0, got {temperature!r}.")
        self.temperature = temperature
        self.loss = self._take(loss)

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        """The loss between outputs that are divided by the temperature, a scalar tensor.

        Args:
            teacher_outputs: the teacher's outputs.
            student_outputs: the student's outputs, in the same structure.
            **kwargs: not used.

        Raises:
            ArgumentError: the structures of outputs and losses differ.
        """
        cooled = [tree.map_structure(lambda x: x / self.temperature, x) for x in (teacher_outputs, student_outputs)]
        return self._total(*cooled)

    def get_config(self) -> Config:
        """Constructor arguments."""
        return {"temperature": self.temperature, **super().get_config()}


class FeatureDistillation(_Nested):
    """A layer of the student is to give what a layer of the teacher gives.

    (Romero et al., 2015, "FitNets", https://arxiv.org/abs/1412.6550.)

    Args:
        loss: as for `LogitsDistillation`.
        teacher_layer_name: name of the teacher's layer; its final outputs if None.
        student_layer_name: name of the student's layer; its final outputs if None.

    Raises:
        ArgumentError: no loss at all.

    Example:

    >>> import kfront
    >>> loss = kfront.distillation.FeatureDistillation("mae", "hidden", "hidden")
    >>> float(loss.compute_loss(kfront.ops.array([[1.0, 2.0]]), kfront.ops.array([[0.0, 2.0]])))
    0.5
    """

    def __init__(
        self, loss: object = "mse", teacher_layer_name: str | None = None, student_layer_name: str | None = None
    ) -> None:
        self.teacher_layer_name, self.student_layer_name = teacher_layer_name, student_layer_name
        self.loss = self._take(loss)

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        """The loss between outputs of the layers, a scalar tensor.

        Args:
            teacher_outputs: outputs of the teacher's layer.
            student_outputs: outputs of the student's layer, in the same structure.
            **kwargs: not used.

        Raises:
            ArgumentError: the structures of outputs and losses differ.
        """
        return self._total(teacher_outputs, student_outputs)

    def validate_outputs(self, teacher_outputs: Nested[Tensor], student_outputs: Nested[Tensor]) -> None:
        """Check that features fit together and to the losses.

        Args:
            teacher_outputs: nested tensors.
            student_outputs: nested tensors.

        Raises:
            ArgumentError: their structures differ.
        """
        super().validate_outputs(teacher_outputs, student_outputs)
        _same_structure("FeatureDistillation", "outputs of the teacher", teacher_outputs, self.loss)

    def validate_model_compatibility(self, teacher: Model, student: Model) -> None:
        """Check that the models have layers of these names.

        Args:
            teacher: the teacher, a Model.
            student: the student, a Model.

        Raises:
            ArgumentError: there is no such layer, or a model is not made of symbolic tensors.
        """
        for who, model, name in (
            ("teacher", teacher, self.teacher_layer_name),
            ("student", student, self.student_layer_name),
        ):
            if name is None:
                continue
            if not hasattr(model, "inputs"):
                raise ArgumentError(
                    f"[FeatureDistillation] expected a functional model or a Sequential as the {who}, to find what its "
                    f"layer {name!r} gives, got {type(model).__name__}; omit the layer's name."
                )
            if name not in (names := [layer.name for layer in model.layers]):
                raise ArgumentError(f"[FeatureDistillation] expected a layer of the {who} among {names}, got {name!r}.")

    def get_config(self) -> Config:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "teacher_layer_name": self.teacher_layer_name,
            "student_layer_name": self.student_layer_name,
        }


def _is_config(loss: object) -> bool:
    return isinstance(loss, dict) and "class_name" in loss


def _found(node: Config) -> Any:
    """For `traverse`: the loss that a leaf stands for; None for containers, which are gone into, and for None."""
    return None if node is None or (tree.is_nested(node) and not _is_config(node)) else loss_module.get(node)


def _same_structure(who: str, what: str, given: object, wanted: object) -> None:
    try:
        tree.assert_same_structure(given, wanted)
    except Exception as error:
        raise ArgumentError(f"[{who}] expected the {what} to be nested as their counterpart: {error}") from error


def _mean(values: Tensor) -> Tensor:
    """The mean of a function's values for the samples; a Loss gives a scalar already."""
    return ops.mean(values) if len(values.shape) else values
