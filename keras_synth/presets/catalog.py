"""Catalog of the presets: size, data, figures and license of each."""

import dataclasses
import importlib
import inspect
import pathlib
import re

from keras_synth.presets.realesrgan import REALESRGAN, realesrgan

_FOLDER = pathlib.Path(__file__).parent
#: Rows of a card that are not figures.
_FACTS = (
    "network",
    "data",
    "encoder",
    "masks",
    "training",
    "command",
    "seed",
    "date",
    "noise",
    "degradations",
    "bad at",
    "figures",
    "scale",
    "stored as",
    "license of the weights",
)


@dataclasses.dataclass(frozen=True)
class Preset:
    """Entry of the catalog of presets.

    Attributes:
        name: Name of the weights file without its suffix.
        builder: Name of the function in `keras_synth.presets`.
        summary: First line of that function's documentation.
        megabytes: Size of the weights file in MB (10⁶ bytes).
        data: What the weights were trained on, and its license.
        figures: `{what was measured: value with its unit}`, from the card.
        license: License of the weights.
        card: Path of the card, a Markdown file.
    """

    name: str
    builder: str
    summary: str
    megabytes: float
    data: str
    figures: dict[str, str]
    license: str
    card: pathlib.Path


def catalog():
    """Catalog of all presets, read from their cards.

    Returns:
        A list of `Preset`, sorted by name.

    Example:

    >>> {preset.name: preset.license for preset in catalog()}["gray_denoiser"]
    'Apache-2.0'
    """
    return [_read(card) for card in sorted(_FOLDER.glob("*.md"))]


def load(name):
    """Loads a preset by the name that it has in the catalog.

    Args:
        name: Name of a preset, such as "gray_denoiser", or "realesrgan" or
            "realesrgan_anime", which are in a package of their own.

    Returns:
        A `keras.Model` with the pretrained weights.

    Raises:
        ImportError: The package of these weights is not installed.
        ValueError: There is no such preset.

    Example:

    >>> load("video_upscaler_x3").name
    'video_upscaler_x3'
    """
    if name in REALESRGAN:
        return realesrgan(REALESRGAN[name])
    known = {preset.name: preset for preset in catalog()}
    if name not in known:
        names = ", ".join([*known, *REALESRGAN])
        raise ValueError(f"`name` must be one of {names}. Received: {name!r}")
    builder = known[name].builder
    options = {}
    if name != builder:  # one builder for several scales
        options["scale"] = int(name.rpartition("_x")[2])
    presets = importlib.import_module("keras_synth.presets")
    return getattr(presets, builder)(**options)


def describe_presets() -> list[str]:
    """Describes the pretrained networks: size, figures, license.

    Returns:
        Lines of text.
    """
    lines = []
    for preset in catalog():
        lines += [
            f"{preset.name}  ({preset.megabytes:.1f} MB, {preset.license})",
            f"  {preset.summary}",
            f"  presets.load({preset.name!r}), trained on: {preset.data}",
            *(f"  {what}: {value}" for what, value in preset.figures.items()),
            "",
        ]
    return lines[:-1]


def _read(card):
    rows = dict(
        re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|$", card.read_text(), re.M)
    )
    builder = rows["network"].strip("`").rpartition(".")[2]
    presets = importlib.import_module("keras_synth.presets")
    weights = card.with_suffix(".weights.h5")
    return Preset(
        name=card.stem,
        builder=builder,
        summary=inspect.getdoc(getattr(presets, builder)).partition("\n")[0],
        megabytes=weights.stat().st_size / 1e6,
        data=rows["data"],
        figures={k: v for k, v in rows.items() if k not in _FACTS},
        license=rows["license of the weights"],
        card=card,
    )
