"""Losses under their short names, and the names of reductions."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        **names("kfront.losses", "KLD=kl_divergence kld=kl_divergence kullback_leibler_divergence=kl_divergence"),
        **names("kfront.losses", "MAE=mean_absolute_error mae=mean_absolute_error logcosh=log_cosh"),
        **names("kfront.losses", "MAPE=mean_absolute_percentage_error mape=mean_absolute_percentage_error"),
        **names("kfront.losses", "MSE=mean_squared_error mse=mean_squared_error"),
        **names("kfront.losses", "MSLE=mean_squared_logarithmic_error msle=mean_squared_logarithmic_error"),
        "Reduction": "kfront._legacy.reduction",
    },
)
