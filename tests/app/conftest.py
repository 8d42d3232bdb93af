"""A small study, and what answers it."""

import numpy as np
import pytest

from keras_synth import app
from keras_synth.io import write_image

QUALITY = {"best": 0.02, "good": 0.1, "poor": 0.3}


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """A folder of originals and one for each method."""
    root = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(0)
    for index in range(6):
        clean = np.clip(generator.random((24, 32, 3)) * 0.3 + 0.3, 0, 1)
        write_image(root / "clean" / f"{index}.png", clean)
        for name, noise in QUALITY.items():
            noisy = clean + noise * generator.normal(size=clean.shape)
            write_image(root / name / f"{index}.png", np.clip(noisy, 0, 1))
    return root


@pytest.fixture
def new_study(folders, tmp_path):
    """Function that makes a study of the folders."""

    def make(**options):
        options = {"questions": 12, **options}
        path = tmp_path / "study"
        app.rate_new(
            path,
            images=[str(folders / name) for name in QUALITY],
            reference=str(folders / "clean"),
            **options,
        )
        return path

    return make


def answered(study, link, decide, until=None):
    """Answers a rater's questions; returns how many there were."""
    count = 0
    while count != until:
        state = study.state(link)
        if not state["questions"]:
            break
        question = state["questions"][0]
        study.answer(link, question["number"], decide(question), 1.5)
        count += 1
    return count


def quality_of(study):
    """Function from a token to the noise of its image."""

    def quality(token):
        file = study._tokens[token]
        if file["role"] == "catch":
            return 9.0
        return QUALITY[study.methods[file["method"]]]

    return quality
