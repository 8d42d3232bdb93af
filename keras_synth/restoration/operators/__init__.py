"""Linear degradation operators: forward, adjoint and proximal step."""

from keras_synth.restoration.operators.base import Operator, Product
from keras_synth.restoration.operators.bicubic import BicubicDownsampling
from keras_synth.restoration.operators.blur import Blur
from keras_synth.restoration.operators.mask import ColorFilterArray, Mask

__all__ = [
    "BicubicDownsampling",
    "Blur",
    "ColorFilterArray",
    "Mask",
    "Operator",
    "Product",
]
