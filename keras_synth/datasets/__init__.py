"""Where pictures come from, and the pipelines that feed `fit`."""

from keras_synth.datasets.catalogue import CATALOGUE, load_source
from keras_synth.datasets.folder import image_folder
from keras_synth.datasets.pipeline import (
    random_flip,
    stochastic_binarization,
    synthesis_pipeline,
)
from keras_synth.datasets.restoration import (
    random_symmetry,
    restoration_pipeline,
)
from keras_synth.datasets.source import Source, source_from_arrays

__all__ = [
    "CATALOGUE",
    "Source",
    "image_folder",
    "load_source",
    "random_flip",
    "random_symmetry",
    "restoration_pipeline",
    "source_from_arrays",
    "stochastic_binarization",
    "synthesis_pipeline",
]
