"""How variables get their first values."""

from __future__ import annotations

from kfront.core.lazy import lazy_namespace, names
from kfront.core.options import register_namespace

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        **names(".base", "Initializer"),
        **names(".fixed", "Constant Identity Ones STFT Zeros"),
        **names(".sampled", "GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform"),
        **names(".sampled", "Orthogonal RandomNormal RandomUniform TruncatedNormal VarianceScaling"),
        **names(".lookup", "deserialize get serialize"),
        "IdentityInitializer": ".fixed:Identity",
        "OrthogonalInitializer": ".sampled:Orthogonal",
        "STFTInitializer": ".fixed:STFT",
        "constant": ".fixed:Constant",
        "glorot_normal": ".sampled:GlorotNormal",
        "glorot_uniform": ".sampled:GlorotUniform",
        "he_normal": ".sampled:HeNormal",
        "he_uniform": ".sampled:HeUniform",
        "identity": ".fixed:Identity",
        "lecun_normal": ".sampled:LecunNormal",
        "lecun_uniform": ".sampled:LecunUniform",
        "ones": ".fixed:Ones",
        "orthogonal": ".sampled:Orthogonal",
        "random_normal": ".sampled:RandomNormal",
        "random_uniform": ".sampled:RandomUniform",
        "stft": ".fixed:STFT",
        "truncated_normal": ".sampled:TruncatedNormal",
        "variance_scaling": ".sampled:VarianceScaling",
        "zeros": ".fixed:Zeros",
    },
)

register_namespace("initializer", __name__)
