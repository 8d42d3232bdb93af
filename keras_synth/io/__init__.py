"""Files in and out: images, videos, folders."""

from keras_synth.io.images import (
    EXTENSIONS,
    bit_depth,
    center_crop,
    check_target,
    image_grid,
    modulo_crop,
    read_image,
    write_image,
)

__all__ = [
    "EXTENSIONS",
    "bit_depth",
    "center_crop",
    "check_target",
    "modulo_crop",
    "image_grid",
    "read_image",
    "write_image",
]
