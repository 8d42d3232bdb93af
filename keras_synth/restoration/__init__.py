"""Image restoration without training: classical methods, one file each.

Each is built by a function that checks its parameters and returns a function
from degraded images to restored ones; `BM3D` is a `keras.Model`. All take
images (batch, height, width, channels), or a dict with these as "image".
"""

from keras_synth.restoration.bicubic import bicubic
from keras_synth.restoration.biharmonic import biharmonic
from keras_synth.restoration.bm3d import BM3D
from keras_synth.restoration.median import adaptive_median, median
from keras_synth.restoration.non_local_means import non_local_means
from keras_synth.restoration.patch_match import patch_match
from keras_synth.restoration.total_variation import total_variation
from keras_synth.restoration.wiener import wiener

__all__ = [
    "BM3D",
    "adaptive_median",
    "bicubic",
    "biharmonic",
    "median",
    "non_local_means",
    "patch_match",
    "total_variation",
    "wiener",
]
