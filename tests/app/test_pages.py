"""The pages in a real browser: brush, restore, compare, download, rate."""

import io
import json
import re

import keras
import numpy as np
import pytest
from PIL import Image

from keras_synth import app
from keras_synth.app.operations import OPERATIONS
from keras_synth.app.server import _STATIC
from keras_synth.cli.main import main
from tests.app.browser import opened_browser, served, wait_until

TEXTS = (_STATIC / "texts.js").read_text("utf-8")


def test_the_pages_are_small_and_load_nothing_from_elsewhere():
    files = list(_STATIC.iterdir())
    assert sum(file.stat().st_size for file in files) <= 300_000
    for file in files:
        text = file.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text and "https:" not in text, file
        if file.suffix == ".html":
            assert "<script>" not in text and " style=" not in text
            assert " onclick=" not in text


def test_both_languages_have_the_same_words():
    english, chinese = TEXTS.split("const zh = {")

    def keys(text):
        lines = "".join(
            line for line in text.splitlines() if not line.startswith("//")
        )
        found, inside, word = set(), False, ""
        for before, now in zip(" " + lines, lines, strict=False):
            if now == '"' and before != "\\":
                inside = not inside
            if now == ":" and not inside:
                found.add(word.strip('"'))
            if now.isalnum() or now in '._"':
                word += now
            elif not inside:
                word = ""
        return found

    assert keys(english) == keys(chinese) and len(keys(english)) > 80
    for file in _STATIC.glob("*.html"):
        for part in file.read_text("utf-8").split('data-t="')[1:]:
            assert part.partition('"')[0] in keys(english), part[:20]


def test_every_operation_option_and_method_has_words():
    for operation in OPERATIONS:
        keys = {operation.name, f'"about.{operation.name}"'}
        for option in operation.options:
            keys.add("begin" if option.name == "start" else option.name)
            keys |= {f'"choice.{choice}"' for choice in option.choices}
        for key in keys:
            assert TEXTS.count(f" {key}: ") == 2, key


def test_chinese_words_have_chinese_punctuation():
    chinese = TEXTS.split("const zh = {")[1]
    assert not re.findall(
        r"[\u4e00-\u9fff][,:;?!()]|[,(][\u4e00-\u9fff]", chinese
    )


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("photo") / "street.png"
    generator = np.random.default_rng(0)
    ramp = np.linspace(60, 190, 160)[None, :, None] + np.zeros((120, 160, 3))
    values = (ramp + generator.normal(0, 12, ramp.shape)).clip(0, 255)
    image = Image.fromarray(values.astype("uint8"))
    image.save(path, dpi=(300, 300))
    return path


def watched(context):
    """A page on which every error and every foreign request is kept."""
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console",
        lambda m: wrong.append(m.text) if m.type == "error" else None,
    )
    page.on(
        "request",
        lambda r: (
            None
            if r.url.startswith(("http://127.0.0.1", "blob:"))
            else wrong.append(r.url)
        ),
    )
    return page, wrong


def downloaded(page):
    with page.expect_download() as download:
        page.locator("#download").click()
    path = download.value.path()
    return download.value.suggested_filename, path.read_bytes()


@pytest.mark.slow
def test_a_mask_is_drawn_and_the_image_inpainted_compared_and_saved(
    photo, tmp_path
):
    with opened_browser(viewport={"width": 1280, "height": 800}) as context:
        with served() as (_, address, _):
            page, wrong = watched(context)
            page.goto(address)
            page.set_input_files("#picked", str(photo))
            page.wait_for_selector("#files button")
            page.get_by_role("button", name="Inpaint").click()
            assert page.locator("#start").is_disabled()
            with page.expect_response("**/api/files") as sent:
                _drag(page, (0.45, 0.5), (0.55, 0.5))
                page.locator("#start").click()
            place = f"{address}api/files/{sent.value.json()['id']}/download"
            mask = Image.open(io.BytesIO(page.request.get(place).body()))
            page.wait_for_selector("#download:visible")
            page.locator("#split").fill("0.25")
            left, right = _colors(page, 0.40), _colors(page, 0.5)
            name, data = downloaded(page)
            assert not wrong
    # The same as the command line, with the mask that the page drew.
    marked = np.asarray(mask.convert("L")) > 127
    assert mask.size == (160, 120) and 50 < marked.sum() < 4000
    mask.save(tmp_path / "mask.png")
    places = [str(photo), str(tmp_path / "mask.png"), str(tmp_path / "out.png")]
    assert main(["inpaint", *places, "--quiet"]) == 0
    assert name == "street-inpainted.png"
    assert data == (tmp_path / "out.png").read_bytes()
    made, before = Image.open(io.BytesIO(data)), Image.open(photo)
    assert made.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    same = (np.asarray(made) == np.asarray(before)).all(-1)
    assert same[~marked].all() and not same[marked].all()
    assert left != right


def _box(page):
    return page.locator("#canvas").bounding_box()


def _drag(page, start, end):
    box = _box(page)
    places = [
        (box["x"] + x * box["width"], box["y"] + y * box["height"])
        for x, y in (start, end)
    ]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=6)
    page.mouse.up()


def _colors(page, x):
    """The pixel of the stage at a share of its width."""
    return page.evaluate(
        """(x) => {
          const c = document.getElementById("canvas");
          const p = c.getContext("2d").getImageData(
            Math.round(x * c.width), c.height / 2, 1, 1);
          return [...p.data];
        }""",
        x,
    )


@pytest.mark.slow
def test_restored_through_the_page_by_keyboard_on_a_phone_in_chinese(
    photo, tmp_path
):
    phone = {
        "viewport": {"width": 390, "height": 800},
        "device_scale_factor": 2,
        "has_touch": True,
    }
    with opened_browser(**phone) as context, served() as (_, address, _):
        page, wrong = watched(context)
        page.goto(address)
        page.get_by_role("button", name="中文").click()
        assert page.locator("#choose").inner_text() == "选择图片"
        page.set_input_files("#picked", [str(photo), str(photo)])
        wait_until(lambda: page.locator("#files button").count() == 2)
        page.locator("#option-method").select_option("median")
        page.locator("#start").focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("#download:visible")
        _, data = downloaded(page)
        wide = page.evaluate(
            "document.documentElement.scrollWidth - window.innerWidth"
        )
        assert wide <= 0 and not wrong
    words = ["restore", str(photo), str(tmp_path / "out.png")]
    assert main([*words, "--method", "median", "--quiet"]) == 0
    assert data == (tmp_path / "out.png").read_bytes()


@pytest.mark.slow
def test_the_keyboard_alone_draws_a_mask_and_undoes_it(photo):
    with opened_browser(viewport={"width": 1280, "height": 800}) as context:
        with served() as (_, address, _):
            page, wrong = watched(context)
            page.goto(address)
            page.set_input_files("#picked", str(photo))
            page.wait_for_selector("#files button")
            page.get_by_role("button", name="Inpaint").press("Enter")
            page.locator("#canvas").focus()
            page.keyboard.press("Space")
            for _ in range(4):
                page.keyboard.press("Shift+ArrowRight")
            assert page.locator("#start").is_enabled()
            for _ in range(5):
                page.keyboard.press("Control+z")
            assert page.locator("#start").is_disabled()
            assert not wrong


def save_detector(path):
    """A network that finds what is white in all channels."""
    image = keras.Input((None, None, 3), name="image")
    least = keras.ops.min(image, axis=-1, keepdims=True)
    found = keras.ops.sigmoid(1e3 * (least - 0.98))
    keras.Model(image, found, name="mask_unet").save(path)


@pytest.mark.slow
def test_a_detectors_mask_is_corrected_and_an_old_photo_restored(
    photo, tmp_path
):
    save_detector(tmp_path / "finds.keras")
    values = np.asarray(Image.open(photo)).copy()
    values[:, 30:33] = 255
    Image.fromarray(values).save(tmp_path / "old.png")
    with opened_browser(viewport={"width": 1280, "height": 800}) as context:
        models = [str(tmp_path / "finds.keras")]
        with served(models=models) as (_, address, _):
            page, wrong = watched(context)
            page.goto(address)
            page.set_input_files("#picked", str(tmp_path / "old.png"))
            page.wait_for_selector("#files button")
            assert not page.locator("#find").is_visible()
            page.get_by_role("button", name="Old photo").click()
            page.locator("#detector").select_option("finds.keras")
            page.locator("#find").click()
            wait_until(lambda: "Marked" in page.locator("#status").inner_text())
            with page.expect_response("**/api/files") as sent:
                _drag(page, (0.55, 0.5), (0.6, 0.5))  # and one by hand
                page.locator("#option-method").select_option("median")
                page.locator("#start").click()
            place = f"{address}api/files/{sent.value.json()['id']}/download"
            mask = Image.open(io.BytesIO(page.request.get(place).body()))
            page.wait_for_selector("#download:visible")
            name, data = downloaded(page)
            assert not wrong
    marked = np.asarray(mask.convert("L")) > 127
    assert marked[:, 30:33].all() and marked[:, 40:70].sum() == 0
    assert 50 < marked[:, 70:].sum() < 4000
    mask.save(tmp_path / "mask.png")
    words = ["restore", str(tmp_path / "old.png"), str(tmp_path / "out.png")]
    words += ["--old-photo", "--mask", str(tmp_path / "mask.png")]
    assert main([*words, "--method", "median", "--quiet"]) == 0
    assert name == "old-restored.png"
    assert data == (tmp_path / "out.png").read_bytes()


@pytest.mark.slow
def test_forty_pairs_by_keyboard_with_a_reload_and_a_kill(tmp_path):
    generator = np.random.default_rng(0)
    for index in range(14):
        for method in ("one", "two", "three"):
            values = generator.integers(0, 255, (24, 32, 3), "uint8")
            path = tmp_path / method / f"{index}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(values).save(path)
    path = tmp_path / "study"
    folders = [str(tmp_path / name) for name in ("one", "two", "three")]
    assert app.rate_new(path, images=folders).questions == 40
    with opened_browser(viewport={"width": 1000, "height": 700}) as context:
        page, wrong = watched(context)
        with served(study=str(path)) as (_, address, rating):
            port = int(address.rstrip("/").rpartition(":")[2])
            page.goto(rating)
            page.locator("#agree").click()
            _answer(page, 0, 17)
            page.reload()
            _answer(page, 17, 25)
            link = page.locator("#link").input_value()
        # The server is killed; the answer is sent again until one is there.
        page.keyboard.press("ArrowLeft")
        page.wait_for_selector("#count.bad")
        wrong.clear()  # what Chromium says about the lost connection
        with served(port, study=str(path)):
            wait_until(
                lambda: "27 of 40" in page.locator("#count").inner_text()
            )
            other = context.new_page()
            other.goto(link)
            _answer(other, 26, 40)
            other.wait_for_selector("#end:visible")
    study = app.Study(path)
    answers = study.answers()
    assert [a["number"] for a in answers] == list(range(40))
    assert {a["rater"] for a in answers} == {1}
    values = [1, 0, -1]
    expected = [values[n % 3] for n in range(40)]
    expected[25] = 1
    assert [a["value"] for a in answers] == expected
    assert all(a["seconds"] > 0 for a in answers)


@pytest.mark.slow
def test_what_is_over_is_not_shown_again(photo, tmp_path):
    """An error of another operation, and the link of an earlier study."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        Image.open(photo).save(tmp_path / name / "a.png")
    folders = [str(tmp_path / name) for name in ("one", "two")]
    for study in ("first", "second"):
        app.rate_new(tmp_path / study, images=folders, catch_trials=0)
    with opened_browser(viewport={"width": 1280, "height": 800}) as context:
        page, _ = watched(context)
        with served(study=str(tmp_path / "first")) as (_, address, rating):
            port = int(address.rstrip("/").rpartition(":")[2])
            page.goto(address)
            page.set_input_files("#picked", str(photo))
            page.wait_for_selector("#files button")
            page.get_by_role("button", name="Deblur").click()
            page.locator("#start").click()  # nothing is blurred
            page.wait_for_selector("#status.bad")
            page.get_by_role("button", name="Restore").click()
            assert page.locator("#status").inner_text() == ""
            page.goto(rating)
            page.locator("#agree").click()
            page.wait_for_selector("#rate:visible")
            assert "R original" not in page.locator("#keys").inner_text()
        with served(port, study=str(tmp_path / "second")):
            page.goto(rating)  # the browser kept the first study's link
            page.wait_for_selector("#welcome:visible")
            assert page.locator("#problem").inner_text() == ""
            page.goto(rating + "#nobody")
            page.reload()
            page.wait_for_selector("#welcome:visible")
            assert "not known" in page.locator("#problem").inner_text()


def _answer(page, start, end):
    keys = ("ArrowLeft", "ArrowDown", "ArrowRight")
    for number in range(start, end):
        text = f"{number + 1} of 40"
        wait_until(
            lambda text=text: text in page.locator("#count").inner_text()
        )
        wait_until(
            lambda: page.evaluate("document.getElementById('left').complete")
        )
        page.wait_for_timeout(50)
        page.keyboard.press(keys[number % 3])
    if end < 40:
        text = f"{end + 1} of 40"
        wait_until(lambda: text in page.locator("#count").inner_text())


@pytest.mark.slow
def test_generators_are_shown_and_moved():
    with opened_browser(viewport={"width": 1280, "height": 800}) as context:
        with served() as (_, address, _):
            page, wrong = watched(context)
            page.goto(f"{address}generate")
            page.wait_for_selector("#image:visible")
            first = page.locator("#image").get_attribute("src")
            with page.expect_request("**/api/generate") as sent:
                page.locator("#direction-0").fill("3")
            given = json.loads(sent.value.post_data)
            assert given["amounts"] == [3, 0, 0, 0, 0]
            wait_until(
                lambda: page.locator("#image").get_attribute("src") != first
            )
            assert not wrong
