"""Image degradations: seeded, composable, with a record of what was done."""

from keras_synth.degradations.anonymize import (
    Anonymize,
    clip_boxes,
    find_faces,
)
from keras_synth.degradations.base import (
    Compose,
    Degradation,
    OneOf,
    Sometimes,
)
from keras_synth.degradations.blur import (
    AnisotropicBlur,
    GaussianBlur,
    MotionBlur,
    Ringing,
)
from keras_synth.degradations.contrast import LowContrast
from keras_synth.degradations.film_damage import FilmDamage
from keras_synth.degradations.noise import (
    CameraNoise,
    GaussianNoise,
    PoissonNoise,
    SaltAndPepper,
)
from keras_synth.degradations.occlusion import (
    HolesFromFolder,
    IrregularHoles,
    Occlusion,
)
from keras_synth.degradations.old_photo import ColorFading, OldPhoto
from keras_synth.degradations.real_world import RealWorldDownsample
from keras_synth.degradations.resolution import Downsample, JPEGCompression
from keras_synth.degradations.stains import Stains
from keras_synth.degradations.wear import Dust, Scratches

#: Degradations with a scale of severities, for sweeps: `{name: class}`.
CATALOG = {
    kind.__name__: kind
    for kind in (
        GaussianNoise,
        PoissonNoise,
        CameraNoise,
        SaltAndPepper,
        GaussianBlur,
        MotionBlur,
        Downsample,
        JPEGCompression,
        Occlusion,
        Scratches,
        Stains,
        IrregularHoles,
        Dust,
        LowContrast,
    )
}

__all__ = [
    "AnisotropicBlur",
    "Anonymize",
    "CATALOG",
    "CameraNoise",
    "ColorFading",
    "Compose",
    "Degradation",
    "Downsample",
    "Dust",
    "FilmDamage",
    "GaussianBlur",
    "GaussianNoise",
    "HolesFromFolder",
    "IrregularHoles",
    "JPEGCompression",
    "LowContrast",
    "MotionBlur",
    "Occlusion",
    "OldPhoto",
    "OneOf",
    "PoissonNoise",
    "RealWorldDownsample",
    "Ringing",
    "SaltAndPepper",
    "Scratches",
    "Sometimes",
    "Stains",
    "clip_boxes",
    "find_faces",
]
