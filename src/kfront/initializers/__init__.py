"""How variables get their first values."""

from kfront.core.lazy import lazy_namespace, names
from kfront.core.options import register_namespace

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        "Initializer": ".base",
        **names(".fixed", "Constant Identity Ones STFT Zeros IdentityInitializer=Identity STFTInitializer=STFT"),
        **names(".fixed", "constant=Constant identity=Identity ones=Ones stft=STFT zeros=Zeros"),
        **names(".sampled", "GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform Orthogonal"),
        **names(".sampled", "RandomNormal RandomUniform TruncatedNormal VarianceScaling"),
        **names(".sampled", "OrthogonalInitializer=Orthogonal glorot_normal=GlorotNormal glorot_uniform=GlorotUniform"),
        **names(".sampled", "he_normal=HeNormal he_uniform=HeUniform lecun_normal=LecunNormal"),
        **names(".sampled", "lecun_uniform=LecunUniform orthogonal=Orthogonal random_normal=RandomNormal"),
        **names(".sampled", "random_uniform=RandomUniform truncated_normal=TruncatedNormal"),
        **names(".sampled", "variance_scaling=VarianceScaling"),
        **names(".lookup", "deserialize get serialize"),
    },
)

register_namespace("initializer", __name__)
