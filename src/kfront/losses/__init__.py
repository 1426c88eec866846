"""Losses: what training makes small."""

from __future__ import annotations

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        **names(".base", "Loss"),
        **names(
            ".classes",
            "CTC BinaryCrossentropy BinaryFocalCrossentropy CategoricalCrossentropy CategoricalFocalCrossentropy "
            "CategoricalGeneralizedCrossEntropy CategoricalHinge Circle CosineSimilarity Dice Hinge Huber KLDivergence "
            "LogCosh MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError "
            "Poisson SparseCategoricalCrossentropy SparseCategoricalFocalCrossentropy SquaredHinge Tversky",
        ),
        **names(
            ".regression",
            "cosine_similarity huber log_cosh mean_absolute_error mean_absolute_percentage_error mean_squared_error "
            "mean_squared_logarithmic_error poisson",
        ),
        **names(
            ".classification",
            "ctc binary_crossentropy binary_focal_crossentropy categorical_crossentropy categorical_focal_crossentropy "
            "categorical_generalized_cross_entropy categorical_hinge circle dice hinge kl_divergence "
            "sparse_categorical_crossentropy sparse_categorical_focal_crossentropy squared_hinge tversky",
        ),
        **names(".lookup", "get serialize deserialize"),
    },
)
