# Written by tools/stubs.py from the table in the module of the same name.
from kfront.optimizers import legacy as legacy, schedules as schedules
from kfront.optimizers.adafactor import Adafactor as Adafactor
from kfront.optimizers.adagrad import Adadelta as Adadelta, Adagrad as Adagrad
from kfront.optimizers.adam import Adam as Adam, AdamW as AdamW, Adamax as Adamax, Nadam as Nadam
from kfront.optimizers.base import Optimizer as Optimizer
from kfront.optimizers.ftrl import Ftrl as Ftrl
from kfront.optimizers.lion import Lamb as Lamb, Lion as Lion
from kfront.optimizers.lookup import deserialize as deserialize, get as get, serialize as serialize
from kfront.optimizers.loss_scale import LossScaleOptimizer as LossScaleOptimizer
from kfront.optimizers.multi import MultiOptimizer as MultiOptimizer, OptimizerMap as OptimizerMap
from kfront.optimizers.muon import Muon as Muon
from kfront.optimizers.rmsprop import RMSprop as RMSprop
from kfront.optimizers.schedule_free import ScheduleFreeAdamW as ScheduleFreeAdamW
from kfront.optimizers.sgd import SGD as SGD

__all__ = [
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "MultiOptimizer",
    "Muon",
    "Nadam",
    "Optimizer",
    "OptimizerMap",
    "RMSprop",
    "SGD",
    "ScheduleFreeAdamW",
    "deserialize",
    "get",
    "legacy",
    "schedules",
    "serialize",
]
