"""BM3D: denoising by block matching and 3-D filtering."""

from keras_synth.restoration.bm3d.model import BM3D

__all__ = ["BM3D"]
