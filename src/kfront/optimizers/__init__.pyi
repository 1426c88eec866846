# Written by tools/stubs.py from the table in the module of the same name.
from kfront.optimizers import schedules as schedules
from kfront.optimizers.adagrad import Adadelta as Adadelta, Adagrad as Adagrad
from kfront.optimizers.adam import Adam as Adam, AdamW as AdamW, Adamax as Adamax, Nadam as Nadam
from kfront.optimizers.base import Optimizer as Optimizer
from kfront.optimizers.ftrl import Ftrl as Ftrl
from kfront.optimizers.lion import Lamb as Lamb, Lion as Lion
from kfront.optimizers.lookup import deserialize as deserialize, get as get, serialize as serialize
from kfront.optimizers.loss_scale import LossScaleOptimizer as LossScaleOptimizer
from kfront.optimizers.rmsprop import RMSprop as RMSprop
from kfront.optimizers.sgd import SGD as SGD

__all__ = [
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "SGD",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]
