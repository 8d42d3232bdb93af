"""Files in and out: images, videos, folders."""

from keras_synth.io.folders import (
    EXTENSIONS,
    beside_target,
    check_target,
    find_images,
    folder_written_whole,
    is_finished,
    pair_by_name,
    plan_targets,
    write_whole,
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
    open_video,
    read_frames,
    write_video,
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
    "folder_written_whole",
    "image_grid",
    "image_sizes",
    "is_finished",
    "modulo_crop",
    "open_video",
    "pair_by_name",
    "plan_targets",
    "read_frames",
    "read_image",
    "write_image",
    "write_video",
    "write_whole",
    "written_whole",
]
