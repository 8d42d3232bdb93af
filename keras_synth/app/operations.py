"""Operations of the studio: the tasks of the command line, and their options.

The options of a page are checked here by kind and range; the tasks check them
again, together.
"""

import dataclasses
import json
import math
import pathlib
import zipfile

import numpy as np

from keras_synth.app.imports import import_tasks

#: Stands for one's own models in `Option.only`.
OWN = "own"


@dataclasses.dataclass(frozen=True)
class Option:
    """An option that a page shows.

    Attributes:
        name: Name of the task's parameter.
        kind: "choice", "number", "whole" (a number without fraction) or
            "flag".
        default: Default of the task. A number whose default is none is found
            by the task itself.
        choices: Values of a "choice".
        least: Smallest number.
        most: Largest number.
        step: Distance between the numbers of a slider.
        models: Whether one's own `.keras` files are choices as well.
        only: Methods that take the option, among which `OWN` stands for one's
            own models. Empty for all.
    """

    name: str
    kind: str
    default: object = None
    choices: tuple = ()
    least: float = 0.0
    most: float = 1.0
    step: float = 0.01
    models: bool = False
    only: tuple = ()

    @property
    def automatic(self):
        """Whether the task finds a number where none is given."""
        numbers = self.kind in ("number", "whole")
        return numbers and not isinstance(self.default, int | float)

    def checked(self, value, models):
        """The value of a request, as the task takes it.

        Args:
            value: What JSON held.
            models: Dict, name → path of one's own models.

        Raises:
            ValueError: The option has no such value.
        """
        if value is None and self.automatic:
            return self.default
        if self.kind == "choice":
            own = isinstance(value, str) and value.removesuffix(".keras")
            if self.models and own in models and value != own:
                return str(models[own])
            good = value in self.choices
        elif self.kind == "flag":
            good = isinstance(value, bool)
        else:
            kinds = int if self.kind == "whole" else int | float
            good = isinstance(value, kinds) and not isinstance(value, bool)
            good = good and math.isfinite(value)
            good = good and self.least <= value <= self.most
        if not good:
            raise ValueError(f"`{self.name}` cannot be {value!r:.60}.")
        return value


@dataclasses.dataclass(frozen=True)
class Operation:
    """An operation on an image.

    Attributes:
        name: Name of the operation.
        options: Tuple of its `Option`.
        suffix: What is added to the name of the file that is downloaded.
        needs: What it takes besides the image: "mask", "style" or None.
        task: Name of the task, and of its command; empty where it is `name`.
        finds: Whether a detector can find the mask.
    """

    name: str
    options: tuple
    suffix: str
    needs: str | None = None
    task: str = ""
    finds: bool = False


def _slider(name, default, least, most, step, only=()):
    return Option(name, "number", default, (), least, most, step, only=only)


def _whole(name, default, least, most, step=1, only=()):
    return Option(name, "whole", default, (), least, most, step, only=only)


def _ensemble(*only):
    return Option("ensemble", "flag", False, only=only)


def _method(default, *choices):
    return Option("method", "choice", default, choices, models=True)


def _noise(*only):
    return _slider("noise_level", "auto", 0.0, 0.4, 0.002, only)


_RESTORE = (
    _method(
        "auto",
        "auto",
        "photo",
        "unet",
        "bm3d",
        "non_local_means",
        "total_variation",
        "median",
        "adaptive_median",
    ),
    _noise("auto", "unet", "bm3d", "non_local_means", "total_variation", OWN),
    _slider("strength", 1.0, 0.0, 1.0, 0.05),
    _slider("contrast", 0.0, 0.0, 0.05, 0.001),
    _slider("sharpness", 0.0, 0.0, 3.0, 0.05),
    _ensemble("auto", "photo", "unet", "bm3d", OWN),
)
_REALESRGAN = ("realesrgan", "realesrgan_anime")
_OPTIMIZE, _ADAIN = ("optimize",), ("adain", OWN)
OPERATIONS = (
    Operation("restore", _RESTORE, "restored"),
    Operation(
        "old_photo",
        (*_RESTORE, Option("keep_levels", "flag", False)),
        "restored",
        "mask",
        task="restore",
        finds=True,
    ),
    Operation(
        "inpaint",
        (
            _method("auto", "auto", "unet", "biharmonic", "patch_match", "pnp"),
            _whole("seed", 0, 0, 999, only=("auto", "patch_match")),
            _ensemble("unet", OWN),
        ),
        "inpainted",
        "mask",
    ),
    Operation(
        "upscale",
        (
            _method("edsr", "edsr", "photo", *_REALESRGAN, "bicubic", "pnp"),
            _whole("scale", None, 2, 4),
            _slider("sigma", None, 0.2, 8.0, 0.1, ("pnp",)),
            _noise("pnp"),
            _ensemble("edsr", "photo", *_REALESRGAN, OWN),
        ),
        "upscaled",
    ),
    Operation(
        "deblur",
        (
            _slider("sigma", None, 0.2, 8.0, 0.1),
            _noise(),
            _whole("iterations", 8, 1, 30),
        ),
        "sharp",
    ),
    Operation(
        "stylize",
        (
            _method("optimize", "optimize", "adain"),
            _whole("steps", 300, 10, 1000, 10, _OPTIMIZE),
            _whole("size", 512, 64, 1024, 32),
            _whole("style_size", None, 64, 1024, 32),
            _slider("style_weight", 20.0, 1.0, 100.0, 1.0, _OPTIMIZE),
            _slider("alpha", 1.0, 0.0, 1.0, 0.05, _ADAIN),
            Option(
                "start",
                "choice",
                "content",
                ("content", "noise"),
                only=_OPTIMIZE,
            ),
            Option("preserve_color", "flag", False, only=_OPTIMIZE),
        ),
        "stylized",
        "style",
    ),
)


def described(models):
    """The operations as a page gets them.

    Args:
        models: Names of one's own models.
    """
    shown = []
    for operation in OPERATIONS:
        facts = dataclasses.asdict(operation)
        for option, given in zip(
            operation.options, facts["options"], strict=True
        ):
            given["automatic"] = option.automatic
            if given.pop("models"):
                own = [f"{name}.keras" for name in models]
                given["choices"] = [*option.choices, *own]
        shown.append(facts)
    return shown


def detectors(models):
    """Detectors of film damage: the preset and own ones.

    Neither Keras nor the models are loaded.

    Args:
        models: Dict, name → path of one's own models.

    Returns:
        Dict, name → what `tasks.restore` takes as its `detector`.
    """
    found = {"damage_detector": "damage_detector"}
    for name, path in models.items():
        config = saved_config(path).get("config")
        if isinstance(config, dict) and config.get("name") == "mask_unet":
            found[f"{name}.keras"] = str(path)
    return found


def saved_config(path):
    """Configuration in a `.keras` file, a dict; empty where there is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
    except (OSError, zipfile.BadZipFile, KeyError, ValueError):
        config = None
    return config if isinstance(config, dict) else {}


def prepared(name, options, models):
    """An operation, and its options as the task takes them.

    Args:
        name: Name of the operation.
        options: Dict of the request.
        models: Dict, name → path of one's own models.

    Returns:
        `(operation, options)`.

    Raises:
        ValueError: There is no such operation, option or value.
    """
    operation = next((op for op in OPERATIONS if op.name == name), None)
    if operation is None or not isinstance(options, dict):
        raise ValueError(f"There is no operation {name!r:.60}.")
    known = {option.name: option for option in operation.options}
    unknown = set(options) - set(known)
    if unknown:
        raise ValueError(f"{name} has no option {min(unknown)!r:.60}.")
    given = {
        option: known[option].checked(value, models)
        for option, value in options.items()
    }
    if "steps" in given:
        given["steps"] = (given["steps"],)
    return operation, given


def run(
    operation, source, target, extra, options, files, progress, detector=None
):
    """Runs the task that the command line runs, with the same arguments.

    Args:
        operation: An `Operation`.
        source: Path of the image.
        target: Path of the image to write.
        extra: Path of the mask or of the style, or None.
        options: Options of the task.
        files: `io.FileOptions`.
        progress: `io.Progress`.
        detector: Path or name of the detector that finds the mask, where
            there is none.

    Returns:
        Dict of the facts that the task returned.
    """
    task = getattr(import_tasks(), operation.task or operation.name)
    places = [source, target]
    if operation.finds:
        options = {
            **options,
            "old_photo": True,
            "mask": extra,
            "detector": detector,
        }
    elif operation.needs:
        places.insert(1, extra)
    (result,) = task(*places, files=files, verbose=progress, **options)
    facts = dataclasses.asdict(result)
    for name in ("source", "target", "comparison", "mask"):
        facts.pop(name, None)
    return facts


def fitted_mask(mask, shape, target):
    """Writes a mask in the size of its image, which it may lack.

    Pages draw masks of large photographs in fewer pixels.

    Args:
        mask: Path of the mask.
        shape: (height, width) of the image.
        target: Path of the PNG file to write where the sizes differ.

    Returns:
        Path of the mask to use.

    Raises:
        ValueError: The mask has other proportions.
    """
    from keras_synth.io import read_image, write_image

    values = read_image(mask, channels=1)
    if values.shape[:2] == tuple(shape):
        return mask
    (height, width), (high, wide) = shape, values.shape[:2]
    if abs(height * wide - width * high) > max(height, width):
        raise ValueError(
            f"The mask must have the proportions of its image, {width}x"
            f"{height}. Received: {wide}x{high}"
        )
    rows, columns = (
        np.arange(new) * old // new
        for new, old in zip(shape, values.shape[:2], strict=True)
    )
    write_image(pathlib.Path(target), values[rows][:, columns])
    return target
