"""The package and its pages use the field's words, in American spelling."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parent.parent
FILES = sorted(
    path
    for pattern in (
        "README*.md",
        "C*.md",
        "CITATION.cff",
        "docs/**/*.md",
        "docs/**/*.py",
        "keras_synth/**/*.py",
        "keras_synth/**/*.md",
        "notebooks/*.py",
        "notebooks/*.ipynb",
    )
    for path in ROOT.glob(pattern)
    if "_build" not in path.parts
    # The changelog lists the old names beside the new ones.
    and path.name != "CHANGELOG.md"
)

# Each alternative of what is not said, with the word that is.
_STEMS_IN_ISE = (
    "binar|character|diagonal|discret|equal|general|harmon|initial|linear|"
    "local|maxim|memor|minim|normal|optim|organ|parameter|penal|quant|random|"
    "real|recogn|regular|special|stabil|standard|styl|summar|synthes|token|"
    "vector|visual"
)
LEFT = {
    r"pictur\w*": "image",
    r"colour\w*": "color",
    r"gr[e]y\w*": "gray",
    r"(?:un)?mend(?:s|ed|er|ers|ing)?": "restore",
    r"enlarg\w*": "upscale",
    r"damag(?:e|es|ed|ing)": "degradation",
    r"judg(?:e|es|ed|ing)": "discriminator",
    r"verdicts?": "logits",
    r"play(?:s|ed|er|ers|ing)?": "generator, discriminator",
    r"slopes?": "gradient norm",
    r"lazily": "lazy regularization",
    r"told": "conditioned on",
    r"ships|shipped": "pretrained, preset",
    r"paint(?:s|ed)?": "stylize",
    r"hole maps?": "mask",
    rf"(?:{_STEMS_IN_ISE})is(?:e|es|ed|ing|er|ers|ation|ations)": "-ize",
    r"behaviou\w*|neighbou\w*|favou\w*": "-or",
    r"cent(?:re|res|red)": "center",
    r"catalogu\w*": "catalog",
    r"(?:un)?labell\w*|modell\w*|cancell\w*": "one l",
    r"artefact\w*": "artifact",
    r"analyse\w*": "analyze",
    r"licen[c]e\w*": "license",
}
_ALLOWED = re.compile(
    "|".join(
        (
            "negative_slope",  # an argument of Keras
            r"plug[-_ ]?and[-_ ]?play",
            r"film[-_ ]?damage",  # a degradation, and a public set of masks
            r"damage[-_ ]detector",
            r"useful paint",  # a time that browsers report
            # A title.
            r"Analyse and Improve Artefact Restoration",
        )
    ),
    re.IGNORECASE,
)


# Here a divergence is that of a vector field.
VECTOR_FIELDS = ROOT / "keras_synth" / "ops" / "flow.py"


def left_words(text, vector_fields=False):
    """`(word found, what to say)` of each left word, in the text's order."""
    text = _ALLOWED.sub("", text)
    # Parts of names count as words: `best_picture`, `bestPicture`.
    text = re.sub(r"_|(?<=[a-z])(?=[A-Z])", " ", text)
    for left, said in LEFT.items():
        for match in re.finditer(rf"\b(?:{left})\b", text, re.IGNORECASE):
            yield match.group(), said
    if vector_fields:
        return
    pattern = r"(?:(\S+)\s+)?\bdivergence\b"
    for match in re.finditer(pattern, text, re.IGNORECASE):
        if not re.search(r"KL|Leibler|Jensen|Shannon", match.group()):
            yield match.group(), "KL divergence"


def without_images(text):
    """A notebook without the pixels of its outputs."""
    return re.sub(r'"image/png": "[^"]*"', "", text)


@pytest.mark.parametrize(
    "path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_left_words_are_not_used(path):
    text = without_images(path.read_text())
    found = sorted(set(left_words(text, path == VECTOR_FIELDS)))
    assert not found, ", ".join(f"{a!r} (say: {b})" for a, b in found)


@pytest.mark.parametrize(
    "text",
    [
        "a picture",
        "read_pictures(",
        "GreyPicture",
        "it is mended",
        "the KL term's divergence",
        "optimise",
        "the slope",
        "a colour",
    ],
)
def test_left_words_are_found(text):
    assert list(left_words(text))


@pytest.mark.parametrize(
    "text",
    [
        "the KL divergence and the Kullback-Leibler divergence",
        "LeakyReLU(negative_slope=0.2), plug-and-play, displayed, replay",
        "a recommendation; noise; precise; a painting; inpainted; emphasis",
    ],
)
def test_other_words_are_not(text):
    assert not list(left_words(text))
