# Written by tools/stubs.py from the table in the module of the same name.
from kfront import (
    activations as activations,
    applications as applications,
    backend as backend,
    callbacks as callbacks,
    config as config,
    constraints as constraints,
    datasets as datasets,
    distillation as distillation,
    distribution as distribution,
    dtype_policies as dtype_policies,
    errors as errors,
    export as export,
    generation as generation,
    initializers as initializers,
    layers as layers,
    legacy as legacy,
    losses as losses,
    metrics as metrics,
    mixed_precision as mixed_precision,
    models as models,
    ops as ops,
    optimizers as optimizers,
    preprocessing as preprocessing,
    quantizers as quantizers,
    random as random,
    regularizers as regularizers,
    saving as saving,
    transforms as transforms,
    tree as tree,
    tuning as tuning,
    utils as utils,
    visualization as visualization,
    wrappers as wrappers,
)
from kfront._version import __version__ as __version__, version as version
from kfront.core.device import device as device
from kfront.core.naming import name_scope as name_scope
from kfront.core.operation import Operation as Operation
from kfront.core.spec import KerasTensor as KerasTensor
from kfront.core.state import backend_scope as backend_scope
from kfront.core.symbolic import SymbolicScope as SymbolicScope
from kfront.core.variable import StatelessScope as StatelessScope, Variable as Variable
from kfront.dtype_policies import DTypePolicy as DTypePolicy, FloatDTypePolicy as FloatDTypePolicy
from kfront.initializers import Initializer as Initializer
from kfront.interop.as_keras import install_as_keras as install_as_keras
from kfront.layers import Input as Input, InputSpec as InputSpec, Layer as Layer
from kfront.losses import Loss as Loss
from kfront.metrics import Metric as Metric
from kfront.models import Model as Model, Sequential as Sequential
from kfront.models.cloning import convert as convert
from kfront.models.function import Function as Function
from kfront.optimizers import Optimizer as Optimizer
from kfront.quantizers import Quantizer as Quantizer
from kfront.regularizers import Regularizer as Regularizer
from kfront.transforms import (
    checkpoint as checkpoint,
    custom_gradient as custom_gradient,
    grad as grad,
    hessian as hessian,
    jacobian as jacobian,
    jit as jit,
    jvp as jvp,
    merge as merge,
    partition as partition,
    value_and_grad as value_and_grad,
    vjp as vjp,
    vmap as vmap,
)
from kfront.transforms.remat import RematScope as RematScope, remat as remat

__all__ = [
    "DTypePolicy",
    "FloatDTypePolicy",
    "Function",
    "Initializer",
    "Input",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Operation",
    "Optimizer",
    "Quantizer",
    "Regularizer",
    "RematScope",
    "Sequential",
    "StatelessScope",
    "SymbolicScope",
    "Variable",
    "__version__",
    "activations",
    "applications",
    "backend",
    "backend_scope",
    "callbacks",
    "checkpoint",
    "config",
    "constraints",
    "convert",
    "custom_gradient",
    "datasets",
    "device",
    "distillation",
    "distribution",
    "dtype_policies",
    "errors",
    "export",
    "generation",
    "grad",
    "hessian",
    "initializers",
    "install_as_keras",
    "jacobian",
    "jit",
    "jvp",
    "layers",
    "legacy",
    "losses",
    "merge",
    "metrics",
    "mixed_precision",
    "models",
    "name_scope",
    "ops",
    "optimizers",
    "partition",
    "preprocessing",
    "quantizers",
    "random",
    "regularizers",
    "remat",
    "saving",
    "transforms",
    "tree",
    "tuning",
    "utils",
    "value_and_grad",
    "version",
    "visualization",
    "vjp",
    "vmap",
    "wrappers",
]
