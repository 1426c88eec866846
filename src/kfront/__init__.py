"""kfront: the Keras 3 model API over PyTorch, JAX, TensorFlow and NumPy, with the backend an object.

Nothing heavy is imported here: a name is loaded when it is first used, an engine when the first tensor is made.
"""

from __future__ import annotations

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        **names("kfront.core.spec", "KerasTensor"),
        **names("kfront.core.operation", "Operation"),
        **names("kfront.core.variable", "StatelessScope Variable"),
        **names("kfront.core.naming", "name_scope"),
        **names("kfront.core.state", "backend_scope"),
        **names("kfront.core.device", "device"),
        **names("kfront.layers", "Input InputSpec Layer"),
        **names("kfront.models", "Model Sequential"),
        **names("kfront.models.cloning", "convert"),
        **names("kfront.optimizers", "Optimizer"),
        **names("kfront.losses", "Loss"),
        **names("kfront.metrics", "Metric"),
        **names("kfront.initializers", "Initializer"),
        **names("kfront.regularizers", "Regularizer"),
        **names("kfront.quantizers", "Quantizer"),
        **names("kfront.dtype_policies", "DTypePolicy FloatDTypePolicy"),
        **names("kfront.transforms.remat", "RematScope remat"),
        **names("kfront.core.symbolic", "SymbolicScope"),
        **names("kfront.models.function", "Function"),
        **names(
            "kfront.transforms",
            "checkpoint custom_gradient grad hessian jacobian jit jvp merge partition value_and_grad vjp vmap",
        ),
        **names("kfront.interop.as_keras", "install_as_keras"),
        **names("kfront._version", "__version__ version"),
    },
    submodules=(
        "activations",
        "applications",
        "backend",
        "callbacks",
        "config",
        "constraints",
        "datasets",
        "distillation",
        "distribution",
        "dtype_policies",
        "errors",
        "export",
        "initializers",
        "layers",
        "legacy",
        "losses",
        "metrics",
        "mixed_precision",
        "models",
        "ops",
        "optimizers",
        "preprocessing",
        "quantizers",
        "random",
        "regularizers",
        "saving",
        "transforms",
        "tree",
        "utils",
        "visualization",
        "wrappers",
    ),
)
