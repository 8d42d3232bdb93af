"""Serving the pages: restore, generate and rate images in the browser."""

import dataclasses
import os
import pathlib
import secrets
import socket
import webbrowser
from collections.abc import Callable

from keras_synth.io import FileOptions

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_HEADER_SECONDS = 10.0
_CONNECTIONS = 128


@dataclasses.dataclass(frozen=True)
class Served:
    """Where the pages are.

    Attributes:
        address: Address of the studio.
        rating: Address for raters, or None without a study.
    """

    address: str
    rating: str | None = None


def serve(
    *,
    study: str | None = None,
    models: list[str] | None = None,
    host: str = "127.0.0.1",
    port: int = 8360,
    max_megapixels: float = 60.0,
    style_weights: str = "imagenet",
    no_browser: bool = False,
    on_ready: Callable[[Served], None] | None = None,
) -> None:
    """Serves web pages to restore, generate and rate images.

    Prints the address, opens the browser, and runs until Ctrl-C. Nothing is
    loaded from elsewhere. Other computers are let in only where `host` says
    so, and with the token that is part of the address printed; what they send
    is not encrypted.

    Args:
        study: Path of a folder of `rate new`, which people rate at /rate.
        models: Paths of one's own `.keras` files, which the pages offer.
        host: Address to listen at. "0.0.0.0" lets in all that reach this
            computer.
        port: Port to listen at. 0 takes a free one.
        max_megapixels: Largest image that is taken.
        style_weights: Weights of the network that stylizes: "imagenet"
            downloads them once; otherwise the path of a weights file.
        no_browser: Whether not to open the browser.
        on_ready: None, or a function that is called with a `Served` before
            the first request.

    Raises:
        FileNotFoundError: There is no such study or model.
        ImportError: Starlette or uvicorn is missing.
        OSError: The address is in use.
        ValueError: Two models have the same name.
    """
    try:
        import uvicorn

        from keras_synth.app.server import Site, build_app
        from keras_synth.app.studies import Study

        protocol = _protocol()
    except ImportError as error:
        raise ImportError(
            "The pages need Starlette and uvicorn: "
            "pip install 'keras_synth[app]'"
        ) from error
    named = _named(models or [])
    opened = None if study is None else Study(study)
    listening = _listen(host, port)
    site = Site(
        named,
        opened,
        FileOptions(max_megapixels=max_megapixels),
        style_weights,
    )
    local = host in _LOOPBACK
    owner, rater = (
        (None, None)
        if local
        else (secrets.token_urlsafe(16), secrets.token_urlsafe(16))
    )
    name = socket.gethostname()
    app = build_app(
        site,
        hosts={*_LOOPBACK, host, name, f"{name}.local"}
        if not local
        else {*_LOOPBACK},
        any_address=not local,
        owner=owner,
        rater=rater,
    )
    served = _addresses(host, listening.getsockname()[1], owner, rater, opened)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=protocol,
            ws="none",
            log_config=None,  # it would close the streams of other loggers
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=_CONNECTIONS,
            timeout_graceful_shutdown=2,
        )
    )
    try:
        if on_ready is not None:
            on_ready(served)
        if not no_browser:
            webbrowser.open(served.address)
        server.run(sockets=[listening])
    finally:
        site.close()
        listening.close()
        if opened is not None:
            opened.close()


def _named(models):
    named = {}
    for path in map(pathlib.Path, models):
        if not path.is_file():
            raise FileNotFoundError(f"There is no model {path}")
        if path.suffix != ".keras":
            raise ValueError(f"{path} is not a .keras file")
        if path.stem in named:
            raise ValueError(
                f"{named[path.stem]} and {path} have the same name: rename one."
            )
        named[path.stem] = pathlib.Path(os.path.abspath(path))
    return named


def _listen(host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(_CONNECTIONS)
    except (OSError, OverflowError) as error:
        listening.close()
        raise OSError(
            f"Cannot listen at {host}, port {port}: {error}. Another `port` "
            "may be free; 0 takes one."
        ) from error
    return listening


def _addresses(host, port, owner, rater, study):
    shown = host
    if host in ("0.0.0.0", "::"):  # noqa: S104
        shown = socket.gethostname()
    shown = f"[{shown}]" if ":" in shown else shown
    address = f"http://{shown}:{port}/"
    ends = [f"?token={token}" if token else "" for token in (owner, rater)]
    rating = None if study is None else f"{address}rate{ends[1]}"
    return Served(address + ends[0], rating)


def _protocol():
    """HTTP that closes connections whose headers do not come in time."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class TimedProtocol(H11Protocol):
        """HTTP with a time limit for the headers of a request."""

        _timer = None

        def connection_made(self, transport):
            super().connection_made(transport)
            self._watch()

        def data_received(self, data):
            super().data_received(data)
            self._watch()

        def connection_lost(self, error):
            super().connection_lost(error)
            if self._timer is not None:
                self._timer.cancel()

        def _watch(self):
            busy = self.cycle is not None and not self.cycle.response_complete
            if busy and self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if not busy and self._timer is None:
                self._timer = self.loop.call_later(
                    _HEADER_SECONDS, self.transport.close
                )

    return TimedProtocol
