"""Hostile requests: bombs, other sites, traversal, tokens, large bodies."""

import asyncio
import io
import json
import zlib

import httpx2 as httpx
import pytest
from PIL import Image
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from keras_synth import app
from keras_synth.app import guard
from keras_synth.app.server import Site, build_app
from tests.app.conftest import HOST, client_of, upload


def png_chunk(kind, data):
    checked = kind + data
    length, check = len(data), zlib.crc32(checked)
    return length.to_bytes(4, "big") + checked + check.to_bytes(4, "big")


def png_bomb(width, height):
    """A PNG file of a few kB that claims to be huge."""
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header + bytes([8, 2, 0, 0, 0]))
        + png_chunk(b"IDAT", zlib.compress(bytes(100_000), 9))
        + png_chunk(b"IEND", b"")
    )


def gif_of_many_frames():
    frames = [Image.new("L", (200, 200), i % 255) for i in range(60)]
    made = io.BytesIO()
    frames[0].save(made, "GIF", save_all=True, append_images=frames[1:])
    return made.getvalue()


@pytest.mark.parametrize(
    "body, match",
    [
        (b"", "no known format"),
        (b"<svg onload='alert(1)'/>", "no known format"),
        (b"GIF89a" + b"\xff" * 100, ""),
        (png_bomb(50_000, 50_000), "megapixels"),
        (png_bomb(2**31 - 1, 2**31 - 1), "megapixels"),
        (gif_of_many_frames(), "all frames together"),
        (b"II*\0\x08\0\0\0\xff\xff" + b"\0" * 500, ""),
        (b"P6 99999 99999 255\n", "megapixels"),
        (b"\x80\x04\x95pickle", "no known format"),
    ],
)
def test_what_is_no_image_or_too_large_is_refused(client, site, body, match):
    before = len(list(site.uploads._folder.iterdir()))
    answer = client.post("/api/files", content=body)
    assert answer.status_code == 400 and match in answer.json()["error"]
    assert str(site.uploads._folder) not in answer.text
    assert len(list(site.uploads._folder.iterdir())) == before


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "..\\..\\x.png", "/abs.png", "a\0b.png", "x.php", ""],
)
def test_names_are_never_paths(client, site, photo, name):
    answer = client.post(
        "/api/files",
        content=photo.read_bytes(),
        headers={"x-file-name": httpx.QueryParams({"n": name}).__str__()[2:]},
    )
    made = site.uploads.get(answer.json()["id"])
    assert made.path.parent.parent == site.uploads._folder
    assert made.path.name in ("image.png", "image.jpg")
    assert "/" not in made.name and "\\" not in made.name


@pytest.mark.parametrize(
    "headers, status",
    [
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": f"https://{HOST}"}, 403),
        ({"origin": "http://localhost:9999"}, 403),
        ({"host": "evil.example"}, 421),
        ({"host": "evil.example", "origin": "http://evil.example"}, 421),
        ({"host": "localhost.evil.example"}, 421),
        ({"host": "user@localhost"}, 421),
        ({"host": "localhost:99999999"}, 421),
        ({"host": ""}, 421),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"content-length": "99999999999"}, 413),
        ({"content-length": "-1"}, 413),
    ],
)
def test_other_sites_and_large_bodies_are_refused(client, headers, status):
    answer = client.post("/api/files", content=b"", headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-security-policy"]


def test_a_post_without_origin_is_refused(site):
    bare = TestClient(
        build_app(site, hosts={"localhost"}), base_url=f"http://{HOST}"
    )
    assert bare.post("/api/jobs", json={}).status_code == 403
    assert bare.get("/api/studio").status_code == 200
    assert bare.put("/api/jobs").status_code == 405
    # A link from another page may lead to a page, not into the interface.
    follows = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert bare.get("/", headers=follows).status_code == 200
    assert bare.get("/api/studio", headers=follows).status_code == 403


def test_a_body_without_length_is_counted(client, site):
    def parts():
        for _ in range(100):
            yield bytes(100_000)

    before = len(list(site.uploads._folder.iterdir()))
    answer = client.post("/api/files", content=parts())
    assert answer.status_code == 413
    assert len(list(site.uploads._folder.iterdir())) == before
    answer = client.post("/api/jobs", content=parts())
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/%2e%2e/server.py",
        "/static/..%2fserver.py",
        "/api/files/..%2f..%2fetc%2fpasswd/view",
        "/api/files/nothing/download",
        "/api/jobs/nothing/events",
        "/api/generators/..%2f..%2fetc",
        "/rate",
        "/nothing",
    ],
)
def test_there_is_nothing_else_to_read(client, path):
    answer = client.get(path)
    assert answer.status_code in (400, 404)
    assert "import" not in answer.text


@pytest.mark.parametrize(
    "request_",
    [
        [],
        {},
        {"operation": "os.system"},
        {"operation": "restore", "file": "../x"},
        {"operation": "restore", "file": {"a": 1}},
        {"operation": "restore", "options": {"files": None}},
        {"operation": "restore", "options": {"method": "/etc/passwd"}},
        {"operation": "restore", "options": {"method": ["unet"]}},
        {"operation": "restore", "options": {"noise_level": float("inf")}},
        {"operation": "restore", "options": {"noise_level": True}},
        {"operation": "restore", "options": {"ensemble": 1}},
        {"operation": "upscale", "options": {"scale": 10**9}},
        {"operation": "upscale", "options": {"scale": 2.5}},
        {"operation": "stylize", "options": {"weights": "/etc/passwd"}},
        {"operation": "x" * 1000},
    ],
)
def test_requests_for_other_jobs_are_refused(client, photo, request_):
    if isinstance(request_, dict) and "file" not in request_:
        request_ = {"file": upload(client, photo)["id"], **request_}
    answer = client.post("/api/jobs", content=json.dumps(request_))
    assert answer.status_code in (400, 404)
    assert len(answer.text) < 500


def test_json_that_is_none_is_refused(client):
    for body in (b"{", b"[" * 60_000, b"\xff", b"null", b'"a"'):
        assert client.post("/api/jobs", content=body).status_code == 400


def test_pages_have_headers_against_injected_scripts(client):
    answer = client.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    for name in ("x-content-type-options", "x-frame-options"):
        assert answer.headers[name]


def test_tokens_open_what_they_are_for(new_study):
    study = app.Study(new_study())
    site = Site(study=study)
    anyone = client_of(site, owner="o" * 20, rater="r" * 20, any_address=True)
    assert anyone.get("/").status_code == 401
    assert anyone.get("/api/studio").status_code == 401
    assert anyone.get("/?token=wrong").status_code == 401
    assert anyone.get("/?token=%C3%A9").status_code == 401
    answer = anyone.get("/?token=" + "o" * 20, follow_redirects=False)
    assert answer.status_code == 303 and answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
    assert anyone.get("/api/studio").status_code == 200
    rater = client_of(site, owner="o" * 20, rater="r" * 20)
    assert rater.get("/rate?token=" + "r" * 20).status_code == 200
    assert rater.get("/api/rate/study").json()["token"] == "r" * 20
    for path in ("/", "/api/studio", "/generate", "/api/generators"):
        assert rater.get(path).status_code == 403
    moved = anyone.get(
        "//evil.example/?token=" + "o" * 20, follow_redirects=False
    )
    assert not moved.headers.get("location", "/").startswith("//")
    numbers = {
        "host": "192.168.1.5:8360",
        "origin": "http://192.168.1.5:8360",
    }
    assert anyone.get("/", headers=numbers).status_code == 200
    assert rater.get("/rate", headers=numbers).status_code == 421
    site.close()


def answered(body):
    """Status of a request whose parts `body` (async) gives one by one."""

    async def application(scope, receive, send):
        while (await receive()).get("more_body"):
            pass
        start = {"type": "http.response.start", "status": 200, "headers": []}
        await send(start)
        await send({"type": "http.response.body"})

    parts, sent = body(), []

    async def receive():
        part = await anext(parts, None)
        more = part is not None
        return {"type": "http.request", "body": part or b"", "more_body": more}

    async def send(message):
        sent.append(message)

    headers = {"host": "localhost", "origin": "http://localhost"}
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/files",
        "query_string": b"",
        "scheme": "http",
        "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
    }
    guarded = guard.Guard(application, hosts={"localhost"})
    asyncio.run(guarded(scope, receive, send))
    return sent[0]["status"]


def test_slow_bodies_are_refused(monkeypatch):
    async def fast():
        for _ in range(3):
            yield bytes(1000)

    async def stops():
        yield b"x"
        await asyncio.sleep(5.0)
        yield b"x"

    async def drips():
        for _ in range(100):
            await asyncio.sleep(0.01)
            yield b"x"

    monkeypatch.setattr(guard, "_PAUSE", 0.2)
    assert answered(fast) == 200
    assert answered(drips) == 200
    assert answered(stops) == 408
    monkeypatch.setattr(guard, "_GRACE", 0.1)
    assert answered(drips) == 408


def test_web_sockets_are_closed(client):
    with pytest.raises(WebSocketDisconnect):
        with client.websocket_connect("/"):
            pass
