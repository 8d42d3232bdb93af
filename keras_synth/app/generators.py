"""Images of generators for the page: samples, directions, style mixing."""

import collections
import math
import pathlib
import threading

import numpy as np

import keras_synth
from keras_synth.app.imports import import_tasks
from keras_synth.app.operations import saved_config
from keras_synth.io import image_grid

_MOST, _LARGEST_SEED = 64, 2**31 - 1
_DIRECTIONS = 5
_KEPT = 2  # generators in the memory
_SHOWN = ("GAN", "VAE", "PrivateVAE", "StyleGAN2")  # classes of models


class Generators:
    """Presets and `.keras` files that generate images, loaded once.

    Args:
        models: Dict, name → path of one's own models.
    """

    def __init__(self, models):
        self._models = models
        self._loaded = collections.OrderedDict()
        self._lock = threading.Lock()

    def names(self):
        """Names of the presets and of one's models that generate images."""
        # By their cards: to import the presets is to import Keras.
        folder = pathlib.Path(keras_synth.__file__).parent / "presets"
        cards = sorted(folder.glob("*stylegan2*.md"))
        own = (
            name
            for name, path in self._models.items()
            if saved_config(path).get("class_name") in _SHOWN
        )
        return [*(card.stem for card in cards), *own]

    def load(self, name):
        """A generator with its directions.

        Args:
            name: One of `names`.

        Returns:
            `(generator, list of editing.Direction)`.

        Raises:
            ValueError: There is no such generator, or the page cannot show it.
        """
        import_tasks()
        from keras_synth import editing
        from keras_synth.models import FlowMatching
        from keras_synth.tasks.loading import load_model_or_preset

        with self._lock:
            if name in self._loaded:
                self._loaded.move_to_end(name)
                return self._loaded[name]
            if name not in (*self.names(), *self._models):
                raise ValueError(f"There is no generator {name!r:.60}.")
            model = load_model_or_preset(self._models.get(name, name))
            kind = getattr(getattr(model, "condition", None), "kind", None)
            if isinstance(model, FlowMatching) or kind not in (None, "label"):
                raise ValueError(
                    f"{name} is sampled on the command line: keras-synth "
                    "sample, or keras-synth generate where it takes words. "
                    "This page shows a GAN, VAE or StyleGAN2."
                )
            try:
                found = editing.closed_form_directions(model, _DIRECTIONS)
            except (TypeError, ValueError):  # it has no single first layer
                found = []
            self._loaded[name] = model, found
            while len(self._loaded) > _KEPT:
                self._loaded.popitem(last=False)
            return model, found

    def describe(self, name):
        """What a page needs to know of a generator."""
        from keras_synth.models import StyleGAN2
        from keras_synth.models.checks import num_classes

        model, directions = self.load(name)
        styles = isinstance(model, StyleGAN2)
        return {
            "name": name,
            "kind": type(model).__name__,
            "shape": list(model.image_shape),
            "classes": num_classes(model.labeled_network)
            if model.conditional
            else 0,
            "layers": model.num_layers if styles else 0,
            "directions": [each.name for each in directions],
        }

    def write(self, name, request, target):
        """Generates images, and writes them as one grid.

        Args:
            name: Name of the generator.
            request: Dict as `checked` returns it.
            target: Path of the PNG file.

        Returns:
            Dict: `columns` and `rows` of the grid, and its `tile`, (height,
            width).
        """
        from keras_synth.tasks.generators import write_generated

        model, directions = self.load(name)
        images, columns = _images(model, directions, request)
        grid = image_grid(images, columns=columns, padding=0)
        write_generated(target, grid, name)
        rows = math.ceil(len(images) / columns)
        return {
            "columns": columns,
            "rows": rows,
            "tile": list(images.shape[1:3]),
        }


def checked(request):
    """A request for images, with every number in its range.

    Args:
        request: Dict of `seed`, `num_images`, `truncation`, `label`,
            `amounts` (of the directions), and `mix`: None, or the index of
            the layer from which on the other image's style is read.

    Returns:
        A dict with all of these.

    Raises:
        ValueError: Something is unknown or out of range.
    """
    defaults = {
        "seed": 0,
        "num_images": 16,
        "truncation": 0.7,
        "label": None,
        "amounts": [],
        "mix": None,
    }
    unknown = set(request) - set(defaults)
    if unknown:
        raise ValueError(f"There is no option {min(unknown)!r:.60}.")
    found = defaults | request
    ranges = {
        "seed": (0, _LARGEST_SEED),
        "num_images": (1, _MOST),
        "label": (0, 100_000),
        "mix": (1, 1000),
    }
    for name, (least, most) in ranges.items():
        value = found[name]
        if value is None and defaults[name] is None:
            continue
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"`{name}` must be from {least} to {most}.")
    amounts = found["amounts"]
    if not isinstance(amounts, list) or len(amounts) > _DIRECTIONS:
        raise ValueError(f"`amounts` must be up to {_DIRECTIONS} numbers.")
    for name, value in (
        ("truncation", found["truncation"]),
        *(("amounts", amount) for amount in amounts),
    ):
        good = isinstance(value, int | float) and not isinstance(value, bool)
        if not good or not abs(value) <= 20:  # nor NaN
            raise ValueError(f"`{name}` must be a number from -20 to 20.")
    return found


def _images(model, directions, request):
    """`(images, columns)`: samples, or a grid of mixed styles."""
    from keras_synth import editing
    from keras_synth.models.checks import num_classes

    count, labels = request["num_images"], request["label"]
    if labels is not None and not model.conditional:
        raise ValueError("This generator has no classes.")
    if labels is None and model.conditional:
        labels = np.arange(count) % num_classes(model.labeled_network)
    latents, labels = model.sampled_latents(count, labels, request["seed"])
    if hasattr(model, "map_latents"):
        vectors = model.map_latents(latents, labels, request["truncation"])
    else:
        vectors = request["truncation"] * latents
    vectors = np.asarray(vectors)
    for direction, amount in zip(directions, request["amounts"], strict=False):
        if amount:
            vectors = editing.move(vectors, direction, amount)
    if request["mix"] is not None:
        return _mixed(model, vectors, request["mix"])
    images = editing.render(model, vectors, labels=labels)
    return _clipped(images), _columns(count)


def _mixed(model, styles, at):
    """Rows of coarse styles, columns of fine ones, both shown at the edge."""
    from keras_synth.models import StyleGAN2

    if not isinstance(model, StyleGAN2):
        raise ValueError("Only the styles of a StyleGAN2 can be mixed.")
    if at >= model.num_layers:
        raise ValueError(f"`mix` must be below {model.num_layers}.")
    half = max(len(styles) // 2, 1)
    side = min(half, 6)
    coarse, fine = styles[:side], styles[-side:]
    pairs = [np.repeat(coarse, side, axis=0), np.tile(fine, (side, 1))]
    if styles.ndim == 3:
        pairs[1] = np.tile(fine, (side, 1, 1))
    mixed = np.asarray(model.style_mix(*pairs, at, "fixed"))
    ends = np.asarray(model.synthesize(np.concatenate([coarse, fine]), "fixed"))
    mixed = mixed.reshape(side, side, *mixed.shape[1:])
    blank = np.zeros_like(ends[:1])
    rows = [blank, ends[side:]]
    for index in range(side):
        rows += [ends[index : index + 1], mixed[index]]
    return _clipped(np.concatenate(rows)), side + 1


def _clipped(images):
    return np.clip(np.asarray(images), 0.0, 1.0)


def _columns(count):
    return min(8, math.ceil(math.sqrt(count)))
