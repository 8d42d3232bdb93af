"""Server of the pages: studio, generators and rating, on Starlette."""

import asyncio
import contextlib
import json
import pathlib
import sqlite3
import urllib.parse

from keras_synth.app import generators, operations
from keras_synth.app.guard import Guard, RefusedError
from keras_synth.app.imports import import_tasks
from keras_synth.app.jobs import ENDED, JobQueue, QueueFullError
from keras_synth.app.studies import ConflictError, StudyGoneError
from keras_synth.app.uploads import StoreFullError, Uploads

_STATIC = pathlib.Path(__file__).parent / "static"
_BETWEEN_EVENTS, _HEARTBEAT = 0.1, 10.0  # seconds
_LONGEST_NAME = 200


class Site:
    """What the pages work on: uploads, jobs, models and a study.

    Args:
        models: Dict, name → path of one's own `.keras` files.
        study: A `Study`, or None.
        files: `io.FileOptions` of all images.
        weights: Weights of the network of `stylize`.
        max_waiting: Largest number of jobs that wait or run.
    """

    def __init__(
        self,
        models=None,
        study=None,
        files=None,
        weights="imagenet",
        max_waiting=8,
    ):
        self.models = models or {}
        self.study = study
        self.weights = weights
        self.queue = JobQueue(max_waiting)
        self.uploads = Uploads(files, in_use=self.queue.in_use)
        self.generators = generators.Generators(self.models)
        self.detectors = operations.detectors(self.models)

    def close(self):
        """Stops the jobs, and removes what was uploaded."""
        self.queue.close()
        self.uploads.close()

    def start_operation(self, request):
        """Adds a job of the studio; see `operations`.

        Args:
            request: Dict with `operation`, `file`, `options`, and `mask` or
                `style`, the ids of uploaded images; or with a `detector`, the
                name of one of `detectors`, in place of the mask.

        Returns:
            The `Job`.
        """
        operation, options = operations.prepared(
            request.get("operation"), request.get("options", {}), self.models
        )
        image = self.uploads.get(request.get("file"))
        extra = detector = None
        if operation.finds and "detector" in request:
            detector = self._detector(request["detector"])
        elif operation.needs:
            extra = self.uploads.get(request.get(operation.needs))
        if operation.name == "stylize":
            options["weights"] = self.weights

        def work(progress):
            target = self.uploads.new_path(image.path.suffix)
            path = extra and extra.path
            if operation.needs == "mask" and path:
                beside = target.with_name("mask.png")
                size = image.height, image.width
                path = operations.fitted_mask(path, size, beside)
            try:
                facts = operations.run(
                    operation,
                    image.path,
                    target,
                    path,
                    options,
                    self.uploads.options,
                    progress,
                    detector,
                )
            except BaseException as error:
                self.uploads.drop(target)
                raise _plainer(error, image, target) from error
            stem, ending = pathlib.PurePath(image.name).stem, target.suffix
            name = f"{stem[:_LONGEST_NAME]}-{operation.suffix}{ending}"
            made = self.uploads.add(target, name)
            return {"file": made.facts(), "facts": facts}

        used = {image.id} | ({extra.id} if extra else set())
        return self._add(work, used)

    def start_search(self, request):
        """Adds a job that finds film damage, and gives its mask.

        Args:
            request: Dict with `file`, the id of an uploaded image, and
                `detector`, the name of one of `detectors`.

        Returns:
            The `Job`.
        """
        image = self.uploads.get(request.get("file"))
        detector = self._detector(request.get("detector"))

        def work(progress):
            from keras_synth.tasks.old_photo import find_film_damage

            target = self.uploads.new_path(".png")
            try:
                marked = find_film_damage(
                    image.path,
                    target,
                    detector,
                    files=self.uploads.options,
                    verbose=progress,
                )
            except BaseException as error:
                self.uploads.drop(target)
                raise _plainer(error, image, target) from error
            made = self.uploads.add(target, "mask.png")
            return {"file": made.facts(), "facts": {"marked": marked}}

        return self._add(work, {image.id})

    def _detector(self, name):
        if name not in self.detectors:
            raise ValueError(f"There is no detector {name!r:.60}.")
        return self.detectors[name]

    def start_generation(self, request):
        """Adds a job that generates images; see `generators.checked`."""
        name = request.pop("model", None)
        if name not in self.generators.names():
            raise ValueError(f"There is no generator {name!r:.60}.")
        request = generators.checked(request)

        def work(progress):
            target = self.uploads.new_path(".png")
            try:
                facts = self.generators.write(name, request, target)
            except BaseException:
                self.uploads.drop(target)
                raise
            made = self.uploads.add(target, f"{name}-{request['seed']}.png")
            return {"file": made.facts(), "facts": facts}

        return self._add(work)

    def _add(self, work, used=()):
        def with_tasks(progress):
            import_tasks()
            return work(progress)

        return self.queue.add(with_tasks, used)


def _plainer(error, image, target):
    """The same error, with the image's name in place of our paths."""
    errors = getattr(error, "errors", None)
    if isinstance(errors, dict) and errors:
        error = next(iter(errors.values()))
    text = str(error)
    for path in (image.path, target):
        text = text.replace(str(path), image.name)
    if isinstance(error, ValueError | OSError) and text != str(error):
        return ValueError(text)
    return error


def build_app(site, **guard):
    """The ASGI application of a site.

    Args:
        site: A `Site`.
        **guard: Arguments of `Guard`.

    Returns:
        An ASGI application.
    """
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.responses import FileResponse, JSONResponse
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles

    def page(name):
        async def show(request):
            return FileResponse(_STATIC / name, media_type="text/html")

        return show

    async def failed(request, error):
        statuses = {
            LookupError: 404,
            ConflictError: 409,
            QueueFullError: 503,
            StoreFullError: 507,
            StudyGoneError: 503,
            sqlite3.OperationalError: 503,  # locked, or the disk is full
        }
        status = next(
            (s for kind, s in statuses.items() if isinstance(error, kind)), 400
        )
        text = " ".join(str(error.args[0] if error.args else "").split())
        return JSONResponse({"error": text[:600]}, status)

    async def refused(request, error):
        return JSONResponse(
            {"error": str(error)}, error.status, {"connection": "close"}
        )

    async def not_found(request, error):
        return JSONResponse({"error": error.detail}, error.status_code)

    @contextlib.asynccontextmanager
    async def lifespan(app):
        yield
        site.close()

    routes = [
        Route("/", page("studio.html")),
        Route("/generate", page("generate.html")),
        *_studio_routes(site),
        Mount("/static", StaticFiles(directory=_STATIC)),
    ]
    if site.study is not None:
        routes += [
            Route("/rate", page("rate.html")),
            *_rating_routes(site, guard.get("rater")),
        ]
    kinds = (
        LookupError,
        ValueError,
        QueueFullError,
        StoreFullError,
        StudyGoneError,
        sqlite3.OperationalError,
    )
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={kind: failed for kind in kinds}
        | {HTTPException: not_found, RefusedError: refused},
    )
    return Guard(app, **guard)


def _studio_routes(site):
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import (
        FileResponse,
        JSONResponse,
        Response,
        StreamingResponse,
    )
    from starlette.routing import Route

    async def describe(request):
        return JSONResponse(
            {
                "operations": operations.described(list(site.models)),
                "detectors": list(site.detectors),
                "rating": site.study is not None,
                "max_megapixels": site.uploads.options.max_megapixels,
            }
        )

    async def upload(request):
        name = urllib.parse.unquote(request.headers.get("x-file-name", ""))
        name = _as_name(name)
        path = await run_in_threadpool(site.uploads.new_path)
        try:
            with path.open("wb") as file:
                async for part in request.stream():
                    await run_in_threadpool(file.write, part)
        except BaseException:
            site.uploads.drop(path)
            raise
        made = await run_in_threadpool(site.uploads.add, path, name)
        return JSONResponse(made.facts(), 201)

    async def show(request):
        image = site.uploads.get(request.path_params["file"])
        path, kind = await run_in_threadpool(site.uploads.shown, image)
        return FileResponse(path, media_type=kind)

    async def download(request):
        image = site.uploads.get(request.path_params["file"])
        quoted = urllib.parse.quote(image.name or "image", safe="")
        disposition = f"attachment; filename*=UTF-8''{quoted}"
        return FileResponse(
            image.path,
            media_type="application/octet-stream",
            headers={"content-disposition": disposition},
        )

    async def start(request):
        given = await _json(request)
        job = site.start_operation(given)
        return JSONResponse(job.facts(), 202)

    async def search(request):
        job = site.start_search(await _json(request))
        return JSONResponse(job.facts(), 202)

    async def generate(request):
        job = site.start_generation(await _json(request))
        return JSONResponse(job.facts(), 202)

    def job_of(request):
        job = site.queue.get(request.path_params["job"])
        if job is None:
            raise LookupError("There is no such job.")
        return job

    async def cancel(request):
        job_of(request).cancel()
        return Response(status_code=204)

    async def events(request):
        job = job_of(request)

        async def lines():
            last, silent = None, 0.0
            while True:
                ended = job.state in ENDED
                facts = job.facts() | {"before": site.queue.position(job)}
                text = json.dumps(facts, default=str)
                if text != last or silent >= _HEARTBEAT:
                    yield f"data: {text}\n\n"
                    last, silent = text, 0.0
                if ended:
                    return
                await asyncio.sleep(_BETWEEN_EVENTS)
                silent += _BETWEEN_EVENTS

        return StreamingResponse(lines(), media_type="text/event-stream")

    async def models(request):
        names = await run_in_threadpool(site.generators.names)
        return JSONResponse({"models": names})

    async def model(request):
        name = request.path_params["name"]
        facts = await run_in_threadpool(site.generators.describe, name)
        return JSONResponse(facts)

    return [
        Route("/api/studio", describe),
        Route("/api/files", upload, methods=["POST"]),
        Route("/api/files/{file}/view", show),
        Route("/api/files/{file}/download", download),
        Route("/api/jobs", start, methods=["POST"]),
        Route("/api/masks", search, methods=["POST"]),
        Route("/api/jobs/{job}", cancel, methods=["DELETE"]),
        Route("/api/jobs/{job}/events", events),
        Route("/api/generators", models),
        Route("/api/generators/{name}", model),
        Route("/api/generate", generate, methods=["POST"]),
    ]


def _rating_routes(site, token):
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import FileResponse, JSONResponse
    from starlette.routing import Route

    study = site.study

    async def describe(request):
        names = ("kind", "title", "question", "consent", "questions")
        settings = {name: study.settings[name] for name in names}
        # Part of the link by which a rater goes on at another device.
        return JSONResponse({**settings, "token": token})

    async def new_rater(request):
        if (await _json(request)).get("consent") is not True:
            raise ValueError("Raters must agree first.")
        link = await run_in_threadpool(study.new_rater)
        return JSONResponse({"link": link}, 201)

    async def state(request):
        given = await _json(request)
        found = await run_in_threadpool(study.state, str(given.get("link")))
        return JSONResponse(found)

    async def answer(request):
        given = await _json(request)
        link = str(given.get("link"))
        seconds = given.get("seconds", 0.0)
        if type(seconds) not in (int, float) or not 0 <= seconds < 1e9:
            raise ValueError("`seconds` must be a number of seconds.")

        found = await run_in_threadpool(
            study.answer,
            link,
            given.get("number"),
            given.get("value"),
            seconds,
        )
        return JSONResponse(found)

    async def image(request):
        path = study.path(request.path_params["token"])
        if path is None or not path.exists():
            raise LookupError("There is no such image.")
        return FileResponse(
            path,
            media_type="image/png",
            headers={"cache-control": "private, max-age=86400"},
        )

    return [
        Route("/api/rate/study", describe),
        Route("/api/rate/raters", new_rater, methods=["POST"]),
        Route("/api/rate/state", state, methods=["POST"]),
        Route("/api/rate/answers", answer, methods=["POST"]),
        Route("/api/rate/images/{token}", image),
    ]


async def _json(request):
    try:
        given = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise ValueError("The body must be JSON.") from error
    if not isinstance(given, dict):
        raise ValueError("The body must be a JSON object.")
    return given


def _as_name(text):
    """The last part of a name, without what cannot be shown."""
    text = text.replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in text if c.isprintable())[-_LONGEST_NAME:]
