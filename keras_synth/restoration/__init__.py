"""Image restoration without training: classical methods, one file each.

Each is built by a function that checks its parameters and returns a function
from degraded images to restored ones; `BM3D` and `PlugAndPlay` are
`keras.Model`s. All take images (batch, height, width, channels), or a dict with
these as "image". `PlugAndPlay` inverts a linear `Operator` with a denoiser.
"""

from keras_synth.restoration.auto_levels import auto_levels
from keras_synth.restoration.bicubic import bicubic
from keras_synth.restoration.biharmonic import biharmonic
from keras_synth.restoration.blur_estimation import (
    BlurEstimate,
    estimate_blur,
)
from keras_synth.restoration.bm3d import BM3D
from keras_synth.restoration.keep_colors import keep_colors
from keras_synth.restoration.median import adaptive_median, median
from keras_synth.restoration.non_local_means import non_local_means
from keras_synth.restoration.operators import (
    BicubicDownsampling,
    Blur,
    ColorFilterArray,
    Mask,
    Operator,
    Product,
)
from keras_synth.restoration.patch_match import patch_match
from keras_synth.restoration.plug_and_play import PlugAndPlay
from keras_synth.restoration.total_variation import (
    total_variation,
    total_variation_denoiser,
)
from keras_synth.restoration.wiener import wiener

__all__ = [
    "BM3D",
    "BicubicDownsampling",
    "Blur",
    "BlurEstimate",
    "ColorFilterArray",
    "Mask",
    "Operator",
    "PlugAndPlay",
    "Product",
    "adaptive_median",
    "auto_levels",
    "bicubic",
    "biharmonic",
    "estimate_blur",
    "keep_colors",
    "median",
    "non_local_means",
    "patch_match",
    "total_variation",
    "total_variation_denoiser",
    "wiener",
]
