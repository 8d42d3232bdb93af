"""The catalog of presets: every weights file has a card and a builder."""

import inspect
import pathlib
import re

import pytest

from keras_synth import presets

FOLDER = pathlib.Path(presets.__file__).parent
LARGEST, ALL = 8.0, 40.0  # MB


def test_every_weights_file_has_a_card_and_every_card_its_weights():
    weights = {p.name.removesuffix(".weights.h5") for p in FOLDER.glob("*.h5")}
    names = [preset.name for preset in presets.catalog()]
    assert set(names) == weights == {p.stem for p in FOLDER.glob("*.md")}
    assert names == sorted(names)


def test_weights_are_small():
    sizes = {preset.name: preset.megabytes for preset in presets.catalog()}
    assert max(sizes.values()) <= LARGEST and sum(sizes.values()) <= ALL
    for name, size in sizes.items():
        stored = (FOLDER / f"{name}.weights.h5").stat().st_size
        assert size == pytest.approx(stored / 1e6)


@pytest.mark.parametrize(
    "preset", presets.catalog(), ids=lambda preset: preset.name
)
def test_an_entry_says_what_its_card_says(preset):
    card = preset.card.read_text()
    assert preset.builder in presets.__all__
    assert preset.license == "Apache-2.0" and preset.data in card
    assert preset.summary.endswith(".")
    assert preset.figures
    for what, value in preset.figures.items():
        assert f"| {what} | {value} |" in card


def test_the_description_names_every_preset_and_figure():
    text = "\n".join(presets.describe_presets())
    for preset in presets.catalog():
        assert preset.name in text and preset.summary in text
        for what, value in preset.figures.items():
            assert f"{what}: {value}" in text


@pytest.mark.parametrize(
    "preset", presets.catalog(), ids=lambda preset: preset.name
)
def test_docstrings_quote_the_card(preset):
    """Each number with decimals is a figure of a card of that function."""
    text = inspect.getdoc(getattr(presets, preset.builder))
    assert preset.license in text and f"presets/{preset.name}.md" in text
    cards = "".join(
        other.card.read_text()
        for other in presets.catalog()
        if other.builder == preset.builder
    )
    prose = text.partition("Args:")[0]
    figures = re.findall(r"\d+\.\d+", prose.replace(preset.license, ""))
    assert figures
    assert set(figures) <= set(re.findall(r"\d+\.\d+", cards))
