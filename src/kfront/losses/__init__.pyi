# Written by tools/stubs.py from the table in the module of the same name.
from kfront.losses.base import Loss as Loss
from kfront.losses.classes import (
    BinaryCrossentropy as BinaryCrossentropy,
)
from kfront.losses.classes import (
    BinaryFocalCrossentropy as BinaryFocalCrossentropy,
)
from kfront.losses.classes import (
    CategoricalCrossentropy as CategoricalCrossentropy,
)
from kfront.losses.classes import (
    CategoricalFocalCrossentropy as CategoricalFocalCrossentropy,
)
from kfront.losses.classes import (
    CategoricalGeneralizedCrossEntropy as CategoricalGeneralizedCrossEntropy,
)
from kfront.losses.classes import (
    CategoricalHinge as CategoricalHinge,
)
from kfront.losses.classes import (
    Circle as Circle,
)
from kfront.losses.classes import (
    CosineSimilarity as CosineSimilarity,
)
from kfront.losses.classes import (
    Dice as Dice,
)
from kfront.losses.classes import (
    Hinge as Hinge,
)
from kfront.losses.classes import (
    Huber as Huber,
)
from kfront.losses.classes import (
    KLDivergence as KLDivergence,
)
from kfront.losses.classes import (
    LogCosh as LogCosh,
)
from kfront.losses.classes import (
    MeanAbsoluteError as MeanAbsoluteError,
)
from kfront.losses.classes import (
    MeanAbsolutePercentageError as MeanAbsolutePercentageError,
)
from kfront.losses.classes import (
    MeanSquaredError as MeanSquaredError,
)
from kfront.losses.classes import (
    MeanSquaredLogarithmicError as MeanSquaredLogarithmicError,
)
from kfront.losses.classes import (
    Poisson as Poisson,
)
from kfront.losses.classes import (
    SparseCategoricalCrossentropy as SparseCategoricalCrossentropy,
)
from kfront.losses.classes import (
    SquaredHinge as SquaredHinge,
)
from kfront.losses.classes import (
    Tversky as Tversky,
)
from kfront.losses.classification import (
    binary_crossentropy as binary_crossentropy,
)
from kfront.losses.classification import (
    binary_focal_crossentropy as binary_focal_crossentropy,
)
from kfront.losses.classification import (
    categorical_crossentropy as categorical_crossentropy,
)
from kfront.losses.classification import (
    categorical_focal_crossentropy as categorical_focal_crossentropy,
)
from kfront.losses.classification import (
    categorical_generalized_cross_entropy as categorical_generalized_cross_entropy,
)
from kfront.losses.classification import (
    categorical_hinge as categorical_hinge,
)
from kfront.losses.classification import (
    circle as circle,
)
from kfront.losses.classification import (
    dice as dice,
)
from kfront.losses.classification import (
    hinge as hinge,
)
from kfront.losses.classification import (
    kl_divergence as kl_divergence,
)
from kfront.losses.classification import (
    sparse_categorical_crossentropy as sparse_categorical_crossentropy,
)
from kfront.losses.classification import (
    squared_hinge as squared_hinge,
)
from kfront.losses.classification import (
    tversky as tversky,
)
from kfront.losses.lookup import deserialize as deserialize
from kfront.losses.lookup import get as get
from kfront.losses.lookup import serialize as serialize
from kfront.losses.regression import (
    cosine_similarity as cosine_similarity,
)
from kfront.losses.regression import (
    huber as huber,
)
from kfront.losses.regression import (
    log_cosh as log_cosh,
)
from kfront.losses.regression import (
    mean_absolute_error as mean_absolute_error,
)
from kfront.losses.regression import (
    mean_absolute_percentage_error as mean_absolute_percentage_error,
)
from kfront.losses.regression import (
    mean_squared_error as mean_squared_error,
)
from kfront.losses.regression import (
    mean_squared_logarithmic_error as mean_squared_logarithmic_error,
)
from kfront.losses.regression import (
    poisson as poisson,
)

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "circle",
    "cosine_similarity",
    "deserialize",
    "dice",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]
