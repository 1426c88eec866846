"""Losses: what training makes small."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        "Loss": ".base",
        **names(".classes", "CTC BinaryCrossentropy BinaryFocalCrossentropy CategoricalCrossentropy"),
        **names(".classes", "CategoricalFocalCrossentropy CategoricalGeneralizedCrossEntropy CategoricalHinge Circle"),
        **names(".classes", "CosineSimilarity Dice Hinge Huber KLDivergence LogCosh MeanAbsoluteError"),
        **names(".classes", "MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson"),
        **names(".classes", "SparseCategoricalCrossentropy SparseCategoricalFocalCrossentropy SquaredHinge Tversky"),
        **names(".regression", "cosine_similarity huber log_cosh mean_absolute_error mean_absolute_percentage_error"),
        **names(".regression", "mean_squared_error mean_squared_logarithmic_error poisson"),
        **names(".classification", "ctc binary_crossentropy binary_focal_crossentropy categorical_crossentropy"),
        **names(".classification", "categorical_focal_crossentropy categorical_generalized_cross_entropy"),
        **names(".classification", "categorical_hinge circle dice hinge kl_divergence sparse_categorical_crossentropy"),
        **names(".classification", "sparse_categorical_focal_crossentropy squared_hinge tversky"),
        **names(".lookup", "get serialize deserialize"),
    },
)
