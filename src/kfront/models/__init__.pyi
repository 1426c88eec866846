# Written by tools/stubs.py from the table in the module of the same name.
from kfront.models.cloning import clone_model as clone_model
from kfront.models.functional import Functional as Functional
from kfront.models.model import Model as Model, model_from_json as model_from_json
from kfront.models.sequential import Sequential as Sequential
from kfront.saving import load_model as load_model, save_model as save_model

__all__ = [
    "Functional",
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]
