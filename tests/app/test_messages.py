"""Messages of the server on the Chinese page."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from keras_synth.app.jobs import JobQueue, QueueFullError
from keras_synth.app.operations import fitted_mask
from keras_synth.app.server import _STATIC
from keras_synth.io import write_image
from keras_synth.tasks.deblur import known_blur
from keras_synth.tasks.inpaint import choose_method
from tests.app.browser import opened_browser, served
from tests.app.conftest import finished, upload

TEXT = (_STATIC / "messages.js").read_text("utf-8")
MESSAGES = dict(re.findall(r'^  "(.+?)": "(.+)",$', TEXT, re.M))


def in_chinese(message):
    """As `said` of common.js."""
    for english, chinese in MESSAGES.items():
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+)", re.escape(english))
        found = re.fullmatch(pattern, message)
        if found:
            return chinese.format(**found.groupdict())
    return message


def png(height, width):
    data = io.BytesIO()
    Image.new("L", (width, height)).save(data, "PNG")
    return data.getvalue()


def test_translations_keep_what_differs():
    assert len(MESSAGES) == TEXT.count('": "') > 25
    for english, chinese in MESSAGES.items():
        names = set(re.findall(r"\{(\w+)\}", english))
        assert set(re.findall(r"\{(\w+)\}", chinese)) == names, english
        assert re.search(r"[\u4e00-\u9fff]", chinese), english


def test_refusals_are_translated(client, photo, tmp_path):
    def refused(answer):
        assert answer.status_code >= 400
        return answer.json()["error"]

    def sent(data):
        headers = {"x-file-name": "a.png"}
        return refused(client.post("/api/files", content=data, headers=headers))

    image = upload(client, photo)
    large = {"operation": "upscale", "file": image["id"]}
    large["options"] = {"method": "bicubic", "scale": 4}
    wide = tmp_path / "wide.png"
    wide.write_bytes(png(400, 1000))
    larger = large | {"file": upload(client, wide)["id"]}
    with pytest.raises(ValueError, match="proportions") as mask:
        write_image(tmp_path / "mask.png", np.zeros((10, 20)))
        fitted_mask(tmp_path / "mask.png", (10, 10), tmp_path / "fitted.png")
    queue = JobQueue(max_waiting=0)
    with pytest.raises(QueueFullError) as full:
        queue.add(lambda progress: None)
    queue.close()
    for message in (
        sent(b"no image"),
        sent(png(2000, 2000)),
        sent(bytes(3_000_001)),
        refused(client.post("/api/jobs", json=large | {"file": "gone"})),
        refused(client.post("/api/generate", json={"model": "none"})),
        finished(client, client.post("/api/jobs", json=larger))["error"],
        str(mask.value),
        str(full.value),
    ):
        assert re.search(r"[\u4e00-\u9fff]", in_chinese(message)), message


def test_facts_are_translated():
    holes = [np.zeros((64, 64, 1)) for _ in range(3)]
    holes[0][:, 15:17] = 1
    holes[1][10:40, 10:40] = 1
    holes[2][1:, 1:] = 1
    for message in (
        *(choose_method(hole)[1] for hole in holes),
        known_blur(1.5, None, None)[0],
        known_blur(None, (9, 30), None)[0],
    ):
        assert re.search(r"[\u4e00-\u9fff]", in_chinese(message)), message


@pytest.mark.slow
def test_the_page_speaks_chinese_where_the_server_refuses(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    with opened_browser(locale="zh-CN") as context:
        with served() as (_, address, _):
            page = context.new_page()
            page.goto(address)
            page.locator("#picked").set_input_files(tmp_path / "a.png")
            page.wait_for_selector("#uploading.bad")
            said = page.locator("#uploading").inner_text()
            assert said == "a.png 不是可读取的图片：格式未知"
