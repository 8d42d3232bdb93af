"""A network, a model and a dataset put together for one job."""

from keras_synth.recipes.data import describe_data, open_data
from keras_synth.recipes.saved import (
    EXPORTS,
    export_model,
    load_model,
    save_samples,
)
from keras_synth.recipes.vae import build_vae, demo, train_vae

__all__ = [
    "EXPORTS",
    "build_vae",
    "demo",
    "describe_data",
    "export_model",
    "load_model",
    "open_data",
    "save_samples",
    "train_vae",
]
