"""The server: jobs give the bytes of commands; generators; raters."""

import io
import shutil
import threading

import numpy as np
import pytest
from PIL import Image

from keras_synth import app, models, networks, presets
from keras_synth.app import generators, operations, studies
from keras_synth.app.imports import IMPORTING
from keras_synth.app.jobs import JobQueue, QueueFullError
from keras_synth.app.server import Site
from keras_synth.app.uploads import Uploads
from keras_synth.cli.main import main
from keras_synth.io import (
    image_grid,
    image_header,
    quantized,
    read_image,
    write_image,
)
from tests.app.conftest import FILES, answered, client_of, finished, upload


@pytest.mark.parametrize(
    "operation, options, words",
    [
        ("restore", {"method": "median"}, ["--method", "median"]),
        (
            "restore",
            {"method": "total_variation", "noise_level": 0.1},
            ["--method", "total_variation", "--noise-level", "0.1"],
        ),
        ("inpaint", {"method": "biharmonic"}, ["--method", "biharmonic"]),
        (
            "upscale",
            {"method": "bicubic", "scale": 2},
            ["--method", "bicubic", "--scale", "2"],
        ),
    ],
)
def test_bytes_are_those_of_the_command_line(
    client, photo, tmp_path, operation, options, words
):
    image = upload(client, photo)
    request = {
        "operation": operation,
        "file": image["id"],
        "options": options,
    }
    places = [str(photo), str(tmp_path / "out.jpg")]
    if operation == "inpaint":
        mask = photo.with_name("mask.png")
        request["mask"] = upload(client, mask)["id"]
        places.insert(1, str(mask))
    job = finished(client, client.post("/api/jobs", json=request))
    assert job["state"] == "done" and job["share"] == 1.0, job
    made = job["result"]["file"]
    answer = client.get(f"/api/files/{made['id']}/download")
    assert main([operation, *places, *words, "--quiet"]) == 0
    assert answer.content == (tmp_path / "out.jpg").read_bytes()
    assert Image.open(io.BytesIO(answer.content)).getexif()[0x010E]
    suffix = {"restore": "restored", "inpaint": "inpainted"}
    name = f"photo%20%C3%A9-{suffix.get(operation, 'upscaled')}.jpg"
    assert name in answer.headers["content-disposition"]
    shown = client.get(f"/api/files/{made['id']}/view")
    assert shown.headers["content-type"] == "image/jpeg"


def test_a_mask_in_fewer_pixels_is_stretched(tmp_path):
    mask = np.zeros((4, 6, 1), "float32")
    mask[1, 2] = 1.0
    write_image(tmp_path / "small.png", mask)
    path = operations.fitted_mask(
        tmp_path / "small.png", (8, 12), tmp_path / "large.png"
    )
    expected = mask.repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(read_image(path), expected)
    same = operations.fitted_mask(path, (8, 12), tmp_path / "no.png")
    assert same == path


def test_deep_images_are_shown_as_png_files(client, tmp_path):
    deep = tmp_path / "deep.tif"
    write_image(deep, np.linspace(0, 1, 600).reshape(20, 30), bits=16)
    image = upload(client, deep)
    assert (image["width"], image["height"]) == (30, 20)
    shown = client.get(f"/api/files/{image['id']}/view")
    assert shown.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(shown.content)).size == (30, 20)


def test_what_browsers_do_not_turn_is_turned(client, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.new("RGB", (30, 20))
    for options, kind in (({"exif": exif}, "png"), ({}, "webp")):
        image.save(tmp_path / "turned.webp", **options)
        made = upload(client, tmp_path / "turned.webp")
        shown = client.get(f"/api/files/{made['id']}/view")
        assert shown.headers["content-type"] == f"image/{kind}"
        shown = Image.open(io.BytesIO(shown.content))
        assert shown.size == (made["width"], made["height"])


def test_one_thread_at_a_time_may_import_tensorflow(client, site, photo):
    image = upload(client, photo)
    options = {"method": "median"}
    request = {"operation": "restore", "file": image["id"], "options": options}
    with IMPORTING:
        answer = client.post("/api/jobs", json=request)
        job = site.queue.get(answer.json()["id"])
        threading.Event().wait(0.3)
        assert job.state == "running" and job.share is None
    assert finished(client, answer)["state"] == "done"


def test_errors_of_a_task_name_the_image_and_no_path(client, photo):
    image = upload(client, photo)
    white = io.BytesIO()
    Image.new("L", (56, 40), 255).save(white, "PNG")
    mask = client.post("/api/files", content=white.getvalue()).json()
    request = {"operation": "inpaint", "file": image["id"], "mask": mask["id"]}
    job = finished(client, client.post("/api/jobs", json=request))
    assert job["state"] == "failed"
    assert "white all over" in job["error"] and "photo é.jpg" in job["error"]


def test_a_job_is_canceled_and_the_queue_is_bounded():
    queue, going = JobQueue(max_waiting=3), threading.Event()

    def work(progress):
        going.set()
        while True:
            progress.add()

    first = queue.add(work, {"a"})
    second = queue.add(work, {"b"})
    third = queue.add(lambda progress: {"answer": 42})
    with pytest.raises(QueueFullError, match="try again later"):
        queue.add(work)
    assert going.wait(10) and queue.in_use() == {"a", "b"}
    assert queue.position(third) == 2
    second.cancel()
    first.cancel()
    while third.state != "done":
        threading.Event().wait(0.01)
    assert first.state == second.state == "canceled"
    assert third.result == {"answer": 42} and queue.in_use() == set()
    queue.close()


def test_canceling_ends_the_events(client, site, photo):
    blocked = threading.Event()
    blocker = site.queue.add(lambda progress: blocked.wait(20) and {})
    image = upload(client, photo)
    request = {"operation": "restore", "file": image["id"]}
    answer = client.post("/api/jobs", json=request)
    name = answer.json()["id"]
    assert client.delete(f"/api/jobs/{name}").status_code == 204
    blocked.set()
    assert finished(client, answer)["state"] == "canceled"
    assert blocker.state == "done"


def test_old_uploads_make_room_but_not_those_in_use():
    used = set()
    store = Uploads(FILES, max_files=2, in_use=lambda: used)

    def add():
        path = store.new_path()
        Image.new("L", (8, 8)).save(path, "PNG")
        return store.add(path, "a.png")

    one, two = add(), add()
    used.add(one.id)
    add()
    assert store.get(one.id) == one and one.path.exists()
    with pytest.raises(LookupError, match="expired"):
        store.get(two.id)
    assert not two.path.parent.exists()
    store.close()
    assert not one.path.exists()


def test_raters_answer_and_go_on(new_study):
    study = app.Study(new_study())
    site = Site(study=study)
    client = client_of(site)
    assert client.get("/api/rate/study").json()["questions"] == 12
    answer = client.post("/api/rate/raters", json={})
    assert answer.status_code == 400 and not study.answers()
    answer = client.post("/api/rate/raters", json={"consent": True})
    link = answer.json()["link"]
    state = client.post("/api/rate/state", json={"link": link}).json()
    assert len(state["questions"]) == 2
    question = state["questions"][0]
    assert set(question) == {"number", "left", "right", "reference"}
    for side in ("left", "right", "reference"):
        image = client.get(f"/api/rate/images/{question[side]}")
        assert image.headers["content-type"] == "image/png"
    given = {"link": link, "number": 0, "value": 1, "seconds": 2.5}
    again = client.post("/api/rate/answers", json=given)
    assert again.json() == client.post("/api/rate/answers", json=given).json()
    assert again.json()["answered"] == 1
    statuses = [
        client.post("/api/rate/answers", json=given | other).status_code
        for other in (
            {"value": -1},
            {"link": "x"},
            {"number": 5},
            {"value": 7},
            {"number": "1"},
            {"seconds": "1"},
            {"seconds": -1},
        )
    ]
    assert statuses == [409, 404, 404, 400, 404, 400, 400]
    assert answered(study, link, lambda question: 0) == 11
    assert client.get("/api/rate/images/..%2fstudy.sqlite").status_code == 404
    site.close()


def test_a_deleted_study_stores_nothing_and_says_so(new_study):
    path = new_study()
    study = app.Study(path)
    site = Site(study=study)
    client = client_of(site)
    link = study.new_rater()
    question = study.state(link)["questions"][0]
    shutil.rmtree(path)
    given = {"link": link, "number": 0, "value": 1}
    answer = client.post("/api/rate/answers", json=given)
    assert answer.status_code == 503 and "deleted" in answer.json()["error"]
    image = client.get(f"/api/rate/images/{question['left']}")
    assert image.status_code == 404
    site.close()


def test_a_locked_database_is_told_and_the_answer_comes_later(new_study):
    path = new_study()
    study = app.Study(path)
    site = Site(study=study)
    client = client_of(site)
    link = study.new_rater()
    study.state(link)
    study._database.execute("PRAGMA busy_timeout = 10")
    other = studies.connect(path / studies.DATABASE)
    other.execute("BEGIN IMMEDIATE")
    given = {"link": link, "number": 0, "value": 1}
    answer = client.post("/api/rate/answers", json=given)
    assert answer.status_code == 503 and "locked" in answer.json()["error"]
    other.execute("ROLLBACK")
    answer = client.post("/api/rate/answers", json=given)
    assert answer.status_code == 200 and answer.json()["answered"] == 1
    other.close()
    site.close()


# Generators -----------------------------------------------------------------


def test_generators(client):
    name = "fashion_mnist_stylegan2"
    assert name in client.get("/api/generators").json()["models"]
    facts = client.get(f"/api/generators/{name}").json()
    assert facts["kind"] == "StyleGAN2" and len(facts["directions"]) == 5
    request = {"model": name, "seed": 3, "num_images": 4, "truncation": 0.5}
    job = finished(client, client.post("/api/generate", json=request))
    result = job["result"]
    assert result["facts"] == {"columns": 2, "rows": 2, "tile": [32, 32]}
    made = client.get(f"/api/files/{result['file']['id']}/download").content
    images = presets.load(name).sample(4, truncation=0.5, seed=3)
    expected = quantized(image_grid(images, columns=2, padding=0), 8)
    shown = np.asarray(Image.open(io.BytesIO(made)))
    np.testing.assert_allclose(shown, expected[..., 0], atol=1)
    assert b"trainedAlgorithmicMedia" in made
    moved = request | {"amounts": [2.0, 0, 0, 0, -1]}
    other = finished(client, client.post("/api/generate", json=moved))
    other = client.get(f"/api/files/{other['result']['file']['id']}/download")
    assert other.content != made
    mixed = request | {"num_images": 6, "mix": 3}
    job = finished(client, client.post("/api/generate", json=mixed))
    assert job["result"]["facts"]["columns"] == 4


def test_only_generators_are_listed(tmp_path):
    gan = models.GAN(
        networks.dense_generator((8, 8, 1), 4, (4,)),
        networks.dense_discriminator((8, 8, 1), (4,)),
    )
    given = {"gan": gan, "restorer": networks.dncnn(num_layers=2, width=2)}
    for name, model in given.items():
        model.save(tmp_path / f"{name}.keras")
    (tmp_path / "broken.keras").write_bytes(b"nothing")
    names = (*given, "broken")
    own = {name: tmp_path / f"{name}.keras" for name in names}
    presets_alone = generators.Generators({}).names()
    assert presets_alone
    assert generators.Generators(own).names() == [*presets_alone, "gan"]


def test_flows_are_refused_in_words(tmp_path):
    network = networks.diffusion_unet((8, 8, 1), widths=(8,), num_blocks=1)
    path = tmp_path / "flow.keras"
    models.FlowMatching(network).save(path)
    with pytest.raises(ValueError, match="flow is sampled on the command line"):
        generators.Generators({"flow": path}).describe("flow")


@pytest.mark.parametrize(
    "request_",
    [
        {"num_images": 65},
        {"num_images": "4"},
        {"seed": -1},
        {"truncation": float("nan")},
        {"amounts": [1] * 6},
        {"amounts": ["1"]},
        {"mix": 0},
        {"more": 1},
    ],
)
def test_generators_refuse_what_is_out_of_range(request_):
    with pytest.raises(ValueError, match="must be|no option"):
        generators.checked(request_)


def test_headers_are_read_and_not_decoded(tmp_path):
    image = Image.new("RGB", (30, 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("a.jpg", "a.tif", "a.png", "a.webp"):
        image.save(tmp_path / name, exif=exif)
        found = image_header(tmp_path / name)
        assert found[1:] == (30, 20, 1), name
        assert read_image(tmp_path / name).shape[:2] == found[1:3]
    pages = [image, image.resize((40, 10))]
    pages[0].save(tmp_path / "p.tif", save_all=True, append_images=pages[1:])
    assert image_header(tmp_path / "p.tif") == ("TIFF", 20, 40, 2)
    with pytest.raises(FileNotFoundError):
        image_header(tmp_path / "missing.png")
