"""Profiles of BM3D: parameters of both stages for moderate and strong noise.

Block, step and match distances are those of the normal profile of Dabov et al.,
2007, table I, and so is the group of the first stage. That of the second stage
has 32 blocks, as there, in color, and 16 in gray: 32 take half as much time
again, and give 0.04 dB in color (twelve photographs of photos/train, σ = 25).
Noise adds to the distance of two equal blocks, so it is added to the largest
distance too. λ and μ² go with exact variances (see `variances`). λ was chosen
for σ = 25 on Set12, with other noise than the benchmark's; μ² on six
photographs of photos/train: 0.6 gives 0.05 to 0.09 dB more than 0.8 there, gray
and color, at σ = 25 and 50.
"""

import dataclasses

from keras_synth.restoration.bm3d.stages import Stage

_EIGHT_BIT = 1.0 / 255.0**2
_NORMAL = (
    Stage(
        transform="biorthogonal",
        block=8,
        step=3,
        group=16,
        match_distance=3000 * _EIGHT_BIT,
        match_noise=2.0,
        shrinkage=2.8,
    ),
    Stage(
        transform="dct",
        block=8,
        step=3,
        group=16,
        match_distance=400 * _EIGHT_BIT,
        match_noise=1.0,
        shrinkage=0.6,
    ),
)

#: Name → stages, (hard thresholding, Wiener filter).
PROFILES = {
    "normal": _NORMAL,
    "high": tuple(dataclasses.replace(stage, group=32) for stage in _NORMAL),
}


def stages_of(profile, color):
    """The two stages of a profile, for gray or for color images."""
    first, second = PROFILES[profile]
    if color:
        second = dataclasses.replace(second, group=32)
    return first, second


#: Noise level above which profile "auto" is "high".
STRONG_NOISE = 40.0 / 255.0
