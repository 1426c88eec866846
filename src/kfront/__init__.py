"""kfront: the Keras 3 model API over PyTorch, JAX, TensorFlow and NumPy, with the backend an object.

Nothing heavy is imported here: a name is loaded when it is first used, an engine when the first tensor is made.
"""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        "KerasTensor": "kfront.core.spec",
        "Operation": "kfront.core.operation",
        **names("kfront.core.variable", "StatelessScope Variable"),
        "name_scope": "kfront.core.naming",
        "backend_scope": "kfront.core.state",
        "device": "kfront.core.device",
        **names("kfront.layers", "Input InputSpec Layer"),
        **names("kfront.models", "Model Sequential"),
        "convert": "kfront.models.cloning",
        "Optimizer": "kfront.optimizers",
        "Loss": "kfront.losses",
        "Metric": "kfront.metrics",
        "Initializer": "kfront.initializers",
        "Regularizer": "kfront.regularizers",
        "Quantizer": "kfront.quantizers",
        **names("kfront.dtype_policies", "DTypePolicy FloatDTypePolicy"),
        **names("kfront.transforms.remat", "RematScope remat"),
        "SymbolicScope": "kfront.core.symbolic",
        "Function": "kfront.models.function",
        **names("kfront.transforms", "checkpoint custom_gradient grad hessian jacobian jit jvp merge partition"),
        **names("kfront.transforms", "value_and_grad vjp vmap"),
        "install_as_keras": "kfront.interop.as_keras",
        **names("kfront._version", "__version__ version"),
    },
    submodules="activations applications backend callbacks config constraints datasets distillation distribution "
    "dtype_policies errors export generation initializers layers legacy losses metrics mixed_precision models ops "
    "optimizers preprocessing quantizers random regularizers saving transforms tree tuning utils visualization "
    "wrappers",
)
