"""Files in and out: images, videos, folders."""

from keras_synth.io.folders import (
    EXTENSIONS,
    beside_target,
    check_target,
    find_images,
    pair_by_name,
    plan_targets,
    written_whole,
)
from keras_synth.io.images import (
    bit_depth,
    center_crop,
    image_grid,
    image_sizes,
    modulo_crop,
    read_image,
    write_image,
)
from keras_synth.io.options import FileOptions
from keras_synth.io.progress import Progress
from keras_synth.io.video import (
    VIDEO_EXTENSIONS,
    Video,
    check_video_target,
    natural_order,
    open_video,
    read_frames,
    video_writer,
)

__all__ = [
    "EXTENSIONS",
    "FileOptions",
    "VIDEO_EXTENSIONS",
    "Progress",
    "Video",
    "beside_target",
    "bit_depth",
    "center_crop",
    "check_target",
    "check_video_target",
    "find_images",
    "image_grid",
    "image_sizes",
    "modulo_crop",
    "open_video",
    "pair_by_name",
    "plan_targets",
    "read_frames",
    "read_image",
    "write_image",
    "natural_order",
    "video_writer",
    "written_whole",
]
