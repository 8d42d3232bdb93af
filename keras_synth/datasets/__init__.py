"""Image sources, and `tf.data` pipelines of batches for `fit`."""

from keras_synth.datasets.camera import moving_images
from keras_synth.datasets.catalog import CATALOG, load_source
from keras_synth.datasets.clips import (
    ClipSource,
    clip_file,
    clip_folder,
    clips_from_arrays,
    split_at_cuts,
)
from keras_synth.datasets.crops import pad_source, resize_source
from keras_synth.datasets.folder import image_folder
from keras_synth.datasets.paired import paired_folder, paired_pipeline
from keras_synth.datasets.pipeline import (
    random_flip,
    stochastic_binarization,
    synthesis_pipeline,
)
from keras_synth.datasets.poisson import poisson_batches
from keras_synth.datasets.restoration import (
    random_symmetry,
    restoration_pipeline,
)
from keras_synth.datasets.source import (
    PairedSource,
    Source,
    source_from_arrays,
)
from keras_synth.datasets.style_pairs import style_pipeline
from keras_synth.datasets.unpaired import unpaired_folders, unpaired_pipeline
from keras_synth.datasets.video import video_pipeline

__all__ = [
    "CATALOG",
    "ClipSource",
    "PairedSource",
    "Source",
    "clip_file",
    "clip_folder",
    "clips_from_arrays",
    "image_folder",
    "load_source",
    "moving_images",
    "pad_source",
    "paired_folder",
    "paired_pipeline",
    "poisson_batches",
    "random_flip",
    "random_symmetry",
    "resize_source",
    "restoration_pipeline",
    "source_from_arrays",
    "split_at_cuts",
    "stochastic_binarization",
    "style_pipeline",
    "synthesis_pipeline",
    "unpaired_folders",
    "unpaired_pipeline",
    "video_pipeline",
]
