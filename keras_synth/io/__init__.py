"""Files in and out: images, videos, folders."""

from keras_synth.io.decoding import Decoded, open_decoded
from keras_synth.io.encoding import (
    check_gray,
    check_holds,
    encode_images,
    quantized,
)
from keras_synth.io.folders import (
    beside_target,
    check_not_read,
    check_target,
    find_images,
    folder_written_whole,
    image_files,
    is_finished,
    pair_by_name,
    plan_targets,
    write_whole,
    written_whole,
)
from keras_synth.io.formats import EXTENSIONS, FORMATS, format_of
from keras_synth.io.header import image_header
from keras_synth.io.images import (
    ANIMATION_EXTENSIONS,
    bit_depth,
    center_crop,
    check_frame_rate,
    image_grid,
    image_sizes,
    modulo_crop,
    read_image,
    split_alpha,
    write_animation,
    write_image,
)
from keras_synth.io.options import FileOptions
from keras_synth.io.progress import Progress
from keras_synth.io.provenance import Provenance
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
    "ANIMATION_EXTENSIONS",
    "EXTENSIONS",
    "FORMATS",
    "VIDEO_EXTENSIONS",
    "Decoded",
    "FileOptions",
    "Progress",
    "Provenance",
    "Video",
    "beside_target",
    "bit_depth",
    "center_crop",
    "check_frame_rate",
    "check_gray",
    "check_holds",
    "check_not_read",
    "check_target",
    "check_video_target",
    "encode_images",
    "find_images",
    "folder_written_whole",
    "format_of",
    "image_files",
    "image_grid",
    "image_header",
    "image_sizes",
    "is_finished",
    "modulo_crop",
    "natural_order",
    "open_decoded",
    "open_video",
    "pair_by_name",
    "plan_targets",
    "quantized",
    "read_frames",
    "read_image",
    "split_alpha",
    "video_writer",
    "write_animation",
    "write_image",
    "write_whole",
    "written_whole",
]
