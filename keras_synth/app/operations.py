"""Operations of the studio: the tasks of the command line, and their options.

The options of a page are checked here by kind and range; the tasks check them
again, together.
"""

import dataclasses
import math
import pathlib

import numpy as np


@dataclasses.dataclass(frozen=True)
class Option:
    """An option that a page shows.

    Attributes:
        name: Name of the task's parameter.
        kind: "choice", "number", "whole" (a number without fraction) or
            "flag".
        default: Its default; None stands for what the task finds by itself.
        choices: Values of a "choice".
        least: Smallest number.
        most: Largest number.
        step: Distance between the numbers of a slider.
        models: Whether one's own `.keras` files are choices as well.
    """

    name: str
    kind: str
    default: object = None
    choices: tuple = ()
    least: float = 0.0
    most: float = 1.0
    step: float = 0.01
    models: bool = False

    def checked(self, value, models):
        """The value of a request, as the task takes it.

        Args:
            value: What JSON held.
            models: Dict, name → path of one's own models.

        Raises:
            ValueError: The option has no such value.
        """
        if value is None and self.default is None:
            return None
        if self.kind == "choice":
            if self.models and isinstance(value, str) and value in models:
                return str(models[value])
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
        name: Name of the task, and of its command.
        options: Tuple of its `Option`.
        needs: What it takes besides the image: "mask", "style" or None.
        suffix: What is added to the name of the file that is downloaded.
    """

    name: str
    options: tuple
    suffix: str
    needs: str | None = None


_ENSEMBLE = Option("ensemble", "flag", False)
_NOISE = Option("noise_level", "number", None, (), 0.0, 0.4, 0.002)
_SIGMA = Option("sigma", "number", None, (), 0.2, 8.0, 0.1)
OPERATIONS = (
    Operation(
        "restore",
        (
            Option(
                "method",
                "choice",
                "auto",
                (
                    "auto",
                    "unet",
                    "bm3d",
                    "non_local_means",
                    "total_variation",
                    "median",
                    "adaptive_median",
                ),
                models=True,
            ),
            Option("old_photo", "flag", False),
            _NOISE,
            Option("contrast", "number", 0.0, (), 0.0, 0.05, 0.001),
            Option("sharpness", "number", 0.0, (), 0.0, 3.0, 0.05),
            _ENSEMBLE,
        ),
        "restored",
    ),
    Operation(
        "inpaint",
        (
            Option(
                "method",
                "choice",
                "auto",
                ("auto", "biharmonic", "patch_match", "pnp"),
                models=True,
            ),
            Option("seed", "whole", 0, (), 0, 999, 1),
        ),
        "inpainted",
        "mask",
    ),
    Operation(
        "upscale",
        (
            Option(
                "method",
                "choice",
                "edsr",
                ("edsr", "bicubic", "pnp"),
                models=True,
            ),
            Option("scale", "whole", None, (), 2, 4, 1),
            _ENSEMBLE,
        ),
        "upscaled",
    ),
    Operation(
        "deblur",
        (_SIGMA, _NOISE, Option("iterations", "whole", 8, (), 1, 30, 1)),
        "sharp",
    ),
    Operation(
        "stylize",
        (
            Option("method", "choice", "optimize", ("optimize",), models=True),
            Option("steps", "whole", 100, (), 10, 1000, 10),
            Option("size", "whole", 256, (), 64, 1024, 32),
            Option("style_weight", "number", 20.0, (), 1.0, 100.0, 1.0),
            Option("preserve_color", "flag", False),
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
        for option in facts["options"]:
            if option.pop("models"):
                option["choices"] = [*option["choices"], *models]
        shown.append(facts)
    return shown


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
    if given.get("noise_level", "") is None:
        given["noise_level"] = "auto"
    if "steps" in given:
        given["steps"] = (given["steps"],)
    return operation, given


def run(operation, source, target, extra, options, files, progress):
    """Runs the task that the command line runs, with the same arguments.

    Args:
        operation: An `Operation`.
        source: Path of the image.
        target: Path of the image to write.
        extra: Path of the mask or of the style, or None.
        options: Options of the task.
        files: `io.FileOptions`.
        progress: `io.Progress`.

    Returns:
        Dict of the facts that the task returned.
    """
    from keras_synth import tasks

    task = getattr(tasks, operation.name)
    places = [source, target]
    if operation.needs:
        places.insert(1, extra)
    (result,) = task(*places, files=files, verbose=progress, **options)
    facts = dataclasses.asdict(result)
    for name in ("source", "target", "comparison"):
        facts.pop(name)
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
    """
    from keras_synth.io import read_image, write_image

    values = read_image(mask, channels=1)
    if values.shape[:2] == tuple(shape):
        return mask
    rows, columns = (
        np.arange(new) * old // new
        for new, old in zip(shape, values.shape[:2], strict=True)
    )
    write_image(pathlib.Path(target), values[rows][:, columns])
    return target
