"""The pages: killed servers, hostile requests, weight, and same bytes."""

import contextlib
import http.client
import io
import json
import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zlib

import numpy as np
from PIL import Image

from benchmarks.rows import ROOT, figure, write_row

RATERS, ANSWERS, TOGETHER, KILLS = 200, 20, 8, 20
_CODE = """
import sys
from keras_synth import app
def ready(served):
    print(served.address, flush=True)
app.serve(port=int(sys.argv[1]), study=sys.argv[2] or None, no_browser=True,
          on_ready=ready)
"""


class Server:
    """A server in a process of its own, which can be killed.

    Args:
        study: Path of a study, or None.
    """

    def __init__(self, study=None):
        self.study, self.port, self.process = study, 0, None
        self.start()

    def start(self):
        """Starts it, at the port that it had."""
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                _CODE,
                str(self.port),
                str(self.study or ""),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        address = self.process.stdout.readline()
        self.port = int(address.strip().strip("/").rpartition(":")[2])

    def kill(self):
        """Kills it (SIGKILL)."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    @property
    def origin(self):
        """Its address, as browsers send it."""
        return f"http://127.0.0.1:{self.port}"

    def memory(self, name="VmRSS"):
        """Its memory in MB."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(x for x in text.splitlines() if x.startswith(name))
        return int(line.split()[1]) / 1e3


class Client:
    """A connection that is opened again where it is lost."""

    def __init__(self, server):
        self.server, self.connection = server, None

    def ask(self, method, path, body=None, headers=None, timeout=60):
        """`(status, bytes)`; ConnectionError where there is no answer."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection(
                "127.0.0.1", self.server.port, timeout=timeout
            )
        given = {"Origin": self.server.origin, **(headers or {})}
        try:
            self.connection.request(method, path, body, given)
            answer = self.connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            self.connection = None
            raise ConnectionError(str(error)) from error

    def insist(self, path, given):
        """Asks until there is an answer, as the page does; `(json, seconds)`.

        The seconds are those of the request that was answered.
        """
        body = json.dumps(given)
        while True:
            start = time.perf_counter()
            try:
                status, data = self.ask("POST", path, body)
            except ConnectionError:
                time.sleep(0.05)
                continue
            if status < 500:
                seconds = time.perf_counter() - start
                return status, json.loads(data), seconds


def new_study(folder):
    """A study of eight methods and 20 images of 64x64 pixels."""
    from keras_synth import app
    from keras_synth.io import write_image

    generator = np.random.default_rng(0)
    for index in range(20):
        clean = generator.random((64, 64, 3))
        for method in range(8):
            write_image(folder / f"m{method}" / f"{index}.png", clean)
    app.rate_new(
        folder / "study",
        images=[str(folder / f"m{method}") for method in range(8)],
        questions=ANSWERS,
    )
    return folder / "study"


def rating_server(name):
    """200 raters, 8 at a time, while the server is killed 20 times."""
    from keras_synth.app import Study

    with tempfile.TemporaryDirectory() as folder:
        path = new_study(pathlib.Path(folder))
        server = Server(path)
        sent, times, lock = {}, [], threading.Lock()
        waiting = list(range(RATERS))

        def rate():
            client = Client(server)
            while True:
                with lock:
                    if not waiting:
                        return
                    number = waiting.pop()
                randomness = random.Random(number)
                _, made, _ = client.insist(
                    "/api/rate/raters", {"consent": True}
                )
                link = made["link"]
                _, state, _ = client.insist("/api/rate/state", {"link": link})
                while state["questions"]:
                    question = state["questions"][0]["number"]
                    value = randomness.choice([-1, 0, 1])
                    status, state, seconds = client.insist(
                        "/api/rate/answers",
                        {
                            "link": link,
                            "number": question,
                            "value": value,
                            "seconds": 1.0,
                        },
                    )
                    if status != 200:
                        raise RuntimeError(f"{status}: {state}")
                    with lock:
                        sent[link, question] = value
                        times.append(seconds)

        threads = [threading.Thread(target=rate) for _ in range(TOGETHER)]
        for thread in threads:
            thread.start()
        total, kills = RATERS * ANSWERS, 0
        while any(thread.is_alive() for thread in threads):
            if kills < KILLS and len(times) >= (kills + 1) * total / (
                KILLS + 1
            ):
                server.kill()
                kills += 1
                server.start()
            time.sleep(0.01)
        server.kill()
        study = Study(path)
        links = dict(study._all("SELECT id, link FROM raters"))
        stored = [
            ((links[a["rater"]], a["number"]), a["value"])
            for a in study.answers()
        ]
        study.close()
    lost = sum(dict(stored).get(key) != value for key, value in sent.items())
    doubled = len(stored) - len(dict(stored))
    write_row(
        name,
        "Do answers of raters survive a server that is killed?",
        {
            "answers stored": figure(len(stored), "", 0),
            "kills": figure(kills, "", 0),
            "answers lost or changed": figure(
                lost, "", 0, better="lower", bar=0
            ),
            "answers doubled or not sent": figure(
                doubled + len(set(dict(stored)) - set(sent)),
                "",
                0,
                better="lower",
                bar=0,
            ),
            "95th percentile of an answer": figure(
                1e3 * float(np.quantile(times, 0.95)),
                "ms",
                1,
                better="lower",
                bar=200.0,
            ),
        },
        data=f"{RATERS} simulated raters of {ANSWERS} answers each to a study "
        "of 8 methods and 20 images",
        protocol=f"{TOGETHER} raters at a time over HTTP; the server is killed "
        f"(SIGKILL) {KILLS} times in between and started again, and a request "
        "without an answer is sent again; the time is that of an answered "
        "request, of which the answer is on the disk",
        seed=0,
    )


def _png_bomb(side):
    def chunk(kind, data):
        text = kind + data
        return (
            len(data).to_bytes(4, "big")
            + text
            + zlib.crc32(text).to_bytes(4, "big")
        )

    header = side.to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    data = zlib.compress(bytes(20_000_000), 9)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", data)
        + chunk(b"IEND", b"")
    )


def _animation_bomb():
    frames = [Image.new("L", (1000, 1000), i) for i in range(100)]
    made = io.BytesIO()
    frames[0].save(made, "GIF", save_all=True, append_images=frames[1:])
    return made.getvalue()


def _hostile():
    """100 requests: `(method, path, body, headers)`."""
    files = "/api/files"
    for side in (12_000, 20_000, 30_000, 50_000, 65_535, 2**31 - 1):
        for _ in range(3):
            yield "POST", files, _png_bomb(side), {}
    for _ in range(2):
        yield "POST", files, _animation_bomb(), {}
    for seed in range(20):
        noise = random.Random(seed).randbytes(200_000)
        kinds = (b"II*\0", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a")
        yield "POST", files, kinds[seed % 4] + noise, {}
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
        for path in (files, "/api/jobs", "/api/generate", "/api/rate/raters"):
            yield "POST", path, b"{}", {"Origin": origin}
    for host in ("evil.example", "localhost.evil.example", "a@127.0.0.1"):
        for path in ("/", "/api/studio", "/static/studio.js", "/generate"):
            yield "GET", path, None, {"Host": host}
    for site in ("cross-site", "same-site"):
        for path in ("/api/studio", "/api/generators", "/static/studio.js"):
            yield "GET", path, None, {"Sec-Fetch-Site": site}
    for path in (
        "/static/../server.py",
        "/static/..%2fserver.py",
        "/static/%2e%2e/%2e%2e/__init__.py",
        "//etc/passwd",
        "/api/files/..%2f..%2fetc%2fpasswd/view",
        "/api/files/%00/download",
        "/api/jobs/..%2fx/events",
        "/api/generators/..%2f..%2fx",
    ):
        yield "GET", path, None, {}
    yield "POST", files, b"", {"Content-Length": str(10**12)}
    for _ in range(2):
        yield "POST", files, (bytes(1 << 20) for _ in range(400)), {}
    for _ in range(3):
        yield "POST", "/api/jobs", (bytes(1 << 16) for _ in range(400)), {}
    for body in (b"[" * 60_000, b"\xff\xfe", b'{"operation": "os.system"}'):
        for path in ("/api/jobs", "/api/generate"):
            yield "POST", path, body, {}
    for method in ("PUT", "PATCH", "TRACE", "CONNECT"):
        yield method, "/api/jobs", None, {}


def _slow(server, results):
    """A body, or headers, of one byte a second."""
    start = time.monotonic()
    with contextlib.closing(
        socket.create_connection(("127.0.0.1", server.port))
    ) as s:
        head = (
            f"POST /api/files HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
            f"Origin: {server.origin}\r\nContent-Length: 1000000\r\n"
        )
        if len(results) % 2:
            head += "\r\n"
        s.sendall(head.encode())
        s.settimeout(1.0)
        refused = False
        while time.monotonic() - start < 60 and not refused:
            try:
                answer = s.recv(1000)
                refused = not answer or b" 408 " in answer
            except TimeoutError:
                with contextlib.suppress(OSError):
                    s.sendall(b"x")
            except OSError:
                refused = True
        results.append(refused)


def hostile_requests(name):
    """100 hostile requests, and the memory of the server."""
    server = Server()
    client = Client(server)
    made = io.BytesIO()
    Image.new("RGB", (640, 480)).save(made, "JPEG")
    client.ask("POST", "/api/files", made.getvalue())
    client.ask("GET", "/api/studio")
    before = server.memory("VmHWM")
    slow = []
    threads = [
        threading.Thread(target=_slow, args=(server, slow)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    requests, refused = list(_hostile()), 0
    for method, path, body, headers in requests:
        client = Client(server)
        try:
            status, _ = client.ask(method, path, body, headers)
            refused += status >= 400
            if status < 400:
                print("answered", status, method, path, headers)
        except ConnectionError:
            refused += 1
    for thread in threads:
        thread.join()
    grown = server.memory("VmHWM") - before
    status, _ = Client(server).ask("GET", "/api/studio")
    server.kill()
    write_row(
        name,
        "What do hostile uploads and requests do to the server?",
        {
            "requests": figure(len(requests) + len(slow), "", 0),
            "refused": figure(
                100 * (refused + sum(slow)) / (len(requests) + len(slow)),
                "%",
                1,
                better="higher",
                bar=100.0,
            ),
            "memory grown": figure(grown, "MB", 1, better="lower", bar=50.0),
            "answers afterwards": figure(
                float(status == 200), "", 0, better="higher", bar=1
            ),
        },
        data="image bombs, files cut and scrambled, other origins and hosts, "
        "paths out of the folder, bodies of up to 400 MB, and of one byte a "
        "second",
        protocol="over HTTP, one after the other beside eight slow ones; "
        "refused is a status of 400 or more, or a closed connection; memory "
        "is the growth of the largest resident size",
        seed=0,
    )


def page_weight(name):
    """Weight of the pages, and the first useful paint in Chromium."""
    from playwright.sync_api import sync_playwright

    server = Server()
    times, sizes = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu"],
        )
        for _ in range(5):
            page = browser.new_context().new_page()
            page.goto(server.origin)
            # Not by `wait_for_function`, which the page's policy refuses.
            while not page.evaluate(
                "['ready', 'first-contentful-paint'].every((name) => "
                "performance.getEntriesByName(name).length)"
            ):
                page.wait_for_timeout(10)
            times.append(
                page.evaluate(
                    "Math.max(performance.getEntriesByName('ready')[0]"
                    ".startTime, performance.getEntriesByName("
                    "'first-contentful-paint')[0].startTime)"
                )
            )
            sizes.append(
                page.evaluate(
                    "['navigation', 'resource'].flatMap((kind) => performance"
                    ".getEntriesByType(kind)).reduce((sum, each) => sum + "
                    "each.encodedBodySize, 0)"
                )
            )
            page.context.close()
        browser.close()
    server.kill()
    print(times, sizes)
    write_row(
        name,
        "How heavy is the page, and when can it be used?",
        {
            "page": figure(
                max(sizes) / 1e3, "kB", 1, better="lower", bar=300.0
            ),
            "first useful paint": figure(
                float(np.median(times)), "ms", 0, better="lower", bar=1000.0
            ),
        },
        data="the page `/`, served locally, without cache",
        protocol="Chromium, headless; the sum of all bodies, and the median of "
        "five times until the controls are there and shown",
        seed=0,
    )


def same_bytes(name):
    """Files made through the page's interface, and by the command line."""
    from keras_synth.cli.main import main

    generator = np.random.default_rng(0)
    cases = (
        ("restore", {}, []),
        ("restore", {"method": "bm3d"}, ["--method", "bm3d"]),
        ("upscale", {}, []),
        ("deblur", {"sigma": 1.2}, ["--sigma", "1.2"]),
        ("inpaint", {}, []),
    )
    server, same = Server(), 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        noisy = generator.normal(120, 20, (96, 128, 3)).clip(0, 255)
        Image.fromarray(noisy.astype("uint8")).save(
            folder / "image.jpg", quality=95, dpi=(300, 300)
        )
        mask = np.zeros((96, 128), "uint8")
        mask[30:50, 40:70] = 255
        Image.fromarray(mask).save(folder / "mask.png")

        def ask(*given, **options):
            """On a connection of its own: idle ones are closed."""
            return Client(server).ask(*given, **options)

        def upload(file):
            data = (folder / file).read_bytes()
            headers = {"X-File-Name": file}
            _, made = ask("POST", "/api/files", data, headers)
            return json.loads(made)["id"]

        for number, (operation, options, words) in enumerate(cases):
            given = {
                "operation": operation,
                "file": upload("image.jpg"),
                "options": options,
            }
            places = [folder / "image.jpg", folder / f"{number}.jpg"]
            if operation == "inpaint":
                given["mask"] = upload("mask.png")
                places.insert(1, folder / "mask.png")
            _, job = ask("POST", "/api/jobs", json.dumps(given))
            place = f"/api/jobs/{json.loads(job)['id']}/events"
            _, events = ask("GET", place, timeout=600)
            last = json.loads(events.decode().strip().split("\n\n")[-1][6:])
            made = last["result"]["file"]["id"]
            _, data = ask("GET", f"/api/files/{made}/download")
            main([operation, *map(str, places), *words, "--quiet"])
            same += data == places[-1].read_bytes()
    server.kill()
    write_row(
        name,
        "Are the page's files those of the command line?",
        {
            "files of the same bytes": figure(
                100 * same / len(cases), "%", 0, better="higher", bar=100.0
            )
        },
        data="a JPEG file of noise and a mask; restore (unet, bm3d), upscale, "
        "deblur and inpaint",
        protocol="uploaded, made and downloaded over HTTP, and made by "
        "`keras-synth` in another process",
        seed=0,
    )


def run(name):
    """Measures one of the figures of the pages."""
    {
        "rating_server": rating_server,
        "hostile_requests": hostile_requests,
        "page_weight": page_weight,
        "page_bytes": same_bytes,
    }[name](name)
