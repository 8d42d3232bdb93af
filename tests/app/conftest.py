"""A small study and what answers it; a site, and a client of it."""

import json

import httpx2 as httpx
import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from keras_synth import app
from keras_synth.app.server import Site, build_app
from keras_synth.io import FileOptions, write_image

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


HOST = "localhost:8360"
FILES = FileOptions(max_megapixels=2.0)


@pytest.fixture(scope="module")
def site():
    made = Site(files=FILES)
    yield made
    made.close()


def client_of(site, **guard):
    guard = {"hosts": {"localhost"}, "max_upload": 3_000_000, **guard}
    return TestClient(
        build_app(site, **guard),
        base_url=f"http://{HOST}",
        headers={"origin": f"http://{HOST}"},
    )


@pytest.fixture(scope="module")
def client(site):
    return client_of(site)


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """A noisy JPEG with EXIF, and a mask."""
    folder = tmp_path_factory.mktemp("photo")
    generator = np.random.default_rng(0)
    values = generator.normal(0.5, 0.1, (40, 56, 3)).clip(0, 1) * 255
    exif = Image.Exif()
    exif[0x010E] = "a street"
    image = Image.fromarray(values.astype("uint8"))
    image.save(folder / "photo é.jpg", quality=95, exif=exif)
    mask = np.zeros((40, 56))
    mask[10:20, 12:14] = 1.0
    write_image(folder / "mask.png", mask)
    return folder / "photo é.jpg"


def upload(client, path, name=None):
    headers = {"x-file-name": httpx.URL("/" + (name or path.name)).raw_path[1:]}
    answer = client.post(
        "/api/files", content=path.read_bytes(), headers=headers
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


def finished(client, answer):
    """The facts of a job at its end, from its events."""
    assert answer.status_code == 202, answer.text
    events = client.get(f"/api/jobs/{answer.json()['id']}/events").text
    return [json.loads(line[6:]) for line in events.split("\n\n") if line][-1]
