"""Style mixing: grids of coarse and fine styles of a StyleGAN2."""

import numpy as np

from keras_synth.callbacks.labels import check_labels
from keras_synth.callbacks.shown_images import ShownImages
from keras_synth.io import image_grid
from keras_synth.ops.numbers import is_int


class StyleMixingGrid(ShownImages):
    """Writes a style mixing grid every `interval` epochs.

    `style_mixing_epoch_0001.png` is the grid of `style_mixing_grid`. It has
    the same latents each time.

    Args:
        directory: Folder for the PNG files.
        num_coarse: Number of coarse styles, the first column.
        num_fine: Number of fine styles, the first row.
        at: First layer that gets the fine style. None takes half of the
            layers.
        labels: Classes of the styles, the coarse ones first, int (num_coarse +
            num_fine,), or one int for all; for a class-conditional model.
        interval: Number of epochs from one grid to the next.
        log_dir: TensorBoard folder that gets the grids as well. None writes
            PNG files alone.
        seed: Seed of the latents, an int.

    Raises:
        ValueError: An argument is out of range; when training begins, a model
            without `style_mix`, a class-conditional model without `labels`,
            or labels that do not fit it or the number of styles.
    """

    LOG_FOLDER = "style_mixing"

    def __init__(
        self,
        directory,
        num_coarse=5,
        num_fine=7,
        at=None,
        labels=None,
        interval=1,
        log_dir=None,
        seed=0,
    ):
        super().__init__(directory, interval, log_dir)
        for name, value in (("num_coarse", num_coarse), ("num_fine", num_fine)):
            if not is_int(value) or value < 1:
                raise ValueError(
                    f"`{name}` must be a positive int. "
                    f"Received: {name}={value!r}"
                )
        self.num_coarse = num_coarse
        self.num_fine = num_fine
        self.at = at
        self.labels = labels
        self.seed = seed

    def on_train_begin(self, logs=None):
        _check_styles(self.model)
        _crossing(self.model, self.at)
        if self.model.conditional and self.labels is None:
            raise ValueError(
                "This model is class-conditional: give StyleMixingGrid the "
                "classes of the sources, `labels=...`."
            )
        check_labels(self.model, self.labels, self.num_coarse + self.num_fine)
        super().on_train_begin(logs)

    def grids(self):
        styles = self.model.map_latents(
            *self.model.sampled_latents(
                self.num_coarse + self.num_fine, self.labels, self.seed
            )
        )
        coarse, fine = styles[: self.num_coarse], styles[self.num_coarse :]
        grid = style_mixing_grid(self.model, coarse, fine, self.at)
        return {"style_mixing": grid}


def style_mixing_grid(model, coarse, fine, at=None):
    """Style mixing grid: each coarse style combined with each fine style.

    The first column shows the images of the coarse styles, the first row those
    of the fine styles. The image where a row and a column meet has the coarse
    style in the layers before `at`, and the fine style from `at` on. All
    images have the same noise.

    Args:
        model: A `models.StyleGAN2`.
        coarse: Styles w or w+ of the first column, see
            `StyleGAN2.synthesize`.
        fine: Styles w or w+ of the first row.
        at: First layer that gets the fine style, from 0 to
            `model.num_layers`. None takes half of the layers.

    Returns:
        float32 (grid height, grid width, channels), in [0, 1].

    Reference: Karras et al., A Style-Based Generator Architecture, 2019,
    figure 3.

    Example:

    >>> from keras_synth import training
    >>> gan = training.build_stylegan2((16, 16, 1), channel_max=4)
    >>> styles = gan.map_latents(np.eye(5, 64))
    >>> style_mixing_grid(gan, styles[:2], styles[2:], at=3).shape
    (56, 74, 1)
    """
    _check_styles(model)
    at = _crossing(model, at)
    above = np.asarray(model.synthesize(fine))
    beside = np.asarray(model.synthesize(coarse))
    images = [np.ones_like(above[:1]), above]
    for index, source in enumerate(np.asarray(coarse)):
        repeated = np.stack([source] * len(above))
        mixtures = model.style_mix(repeated, fine, at)
        images += [beside[index : index + 1], np.asarray(mixtures)]
    return image_grid(np.concatenate(images), columns=1 + len(above))


def _check_styles(model):
    if not hasattr(model, "style_mix"):
        raise ValueError(
            "Styles are mixed by a model with `style_mix`, such as a "
            f"StyleGAN2. Received: {model!r}"
        )


def _crossing(model, at):
    """First layer that gets the fine style."""
    if at is None:
        return model.num_layers // 2
    if not is_int(at) or not 0 <= at <= model.num_layers:
        raise ValueError(
            f"`at` must be an int from 0 to {model.num_layers}. "
            f"Received: at={at!r}"
        )
    return at
