"""Metrics: measures of how good predictions are."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        "Metric": ".base",
        **names(".reduction", "Mean Sum MeanMetricWrapper"),
        **names(".accuracy", "Accuracy BinaryAccuracy CategoricalAccuracy SparseCategoricalAccuracy"),
        **names(".accuracy", "TopKCategoricalAccuracy SparseTopKCategoricalAccuracy binary_accuracy"),
        **names(".accuracy", "categorical_accuracy sparse_categorical_accuracy top_k_categorical_accuracy"),
        **names(".accuracy", "sparse_top_k_categorical_accuracy"),
        **names(".errors", "MeanSquaredError MeanAbsoluteError MeanAbsolutePercentageError"),
        **names(".errors", "MeanSquaredLogarithmicError RootMeanSquaredError LogCoshError CosineSimilarity Poisson"),
        **names(".errors", "KLDivergence Hinge SquaredHinge CategoricalHinge BinaryCrossentropy"),
        **names(".errors", "CategoricalCrossentropy SparseCategoricalCrossentropy"),
        **names(".auc", "AUC=AUC"),
        **names(".confusion", "TruePositives FalsePositives TrueNegatives FalseNegatives Precision Recall"),
        **names(".confusion", "PrecisionAtRecall RecallAtPrecision SensitivityAtSpecificity SpecificityAtSensitivity"),
        **names(".f_score", "F1Score FBetaScore"),
        **names(".iou", "IoU BinaryIoU MeanIoU OneHotIoU OneHotMeanIoU"),
        **names(".correlation", "R2Score PearsonCorrelation ConcordanceCorrelation pearson_correlation"),
        **names(".correlation", "concordance_correlation"),
        **names("kfront.losses.regression", "huber log_cosh mean_absolute_error mean_absolute_percentage_error"),
        **names("kfront.losses.regression", "mean_squared_error mean_squared_logarithmic_error poisson"),
        **names("kfront.losses.classification", "binary_crossentropy binary_focal_crossentropy"),
        **names("kfront.losses.classification", "categorical_crossentropy categorical_focal_crossentropy"),
        **names("kfront.losses.classification", "categorical_hinge hinge kl_divergence"),
        **names("kfront.losses.classification", "sparse_categorical_crossentropy squared_hinge"),
        **names(".lookup", "get serialize deserialize"),
    },
)
