"""Editing with a trained generator: project, move, edit a region, compose."""

from keras_synth.editing.composition import (
    composite,
    paste,
    poisson_blend,
    seam_ratio,
)
from keras_synth.editing.directions import (
    Direction,
    boundary_direction,
    closed_form_directions,
    load_direction,
    move,
    principal_directions,
    sample_vectors,
)
from keras_synth.editing.distances import image_distance
from keras_synth.editing.effects import (
    Effect,
    direction_effect,
    direction_strip,
    render,
    score_images,
)
from keras_synth.editing.feature_blending import blend_features
from keras_synth.editing.films import (
    EditedFrame,
    edit_frames,
    film_frames,
    film_strip,
    interpolate,
    write_film,
)
from keras_synth.editing.harmonization import Harmonized, harmonize
from keras_synth.editing.local_edits import LocalEdit, edit_region
from keras_synth.editing.projection import (
    Projection,
    as_projection,
    load_projection,
    project,
)
from keras_synth.editing.tuning import tune_generator

__all__ = [
    "Direction",
    "EditedFrame",
    "Effect",
    "Harmonized",
    "LocalEdit",
    "Projection",
    "as_projection",
    "blend_features",
    "boundary_direction",
    "closed_form_directions",
    "composite",
    "direction_effect",
    "direction_strip",
    "edit_frames",
    "edit_region",
    "film_frames",
    "film_strip",
    "harmonize",
    "image_distance",
    "interpolate",
    "load_direction",
    "load_projection",
    "move",
    "paste",
    "poisson_blend",
    "principal_directions",
    "project",
    "render",
    "sample_vectors",
    "score_images",
    "seam_ratio",
    "tune_generator",
    "write_film",
]
