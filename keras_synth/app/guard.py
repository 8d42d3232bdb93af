"""Guard of the server: hosts, origins, tokens, sizes and times of requests."""

import asyncio
import hmac
import http.cookies
import ipaddress
import json
import time
import urllib.parse

_COOKIE = "keras_synth"
_METHODS = ("GET", "HEAD", "POST", "DELETE")
#: What raters may ask for; the owner may ask for everything.
_FOR_RATERS = ("/rate", "/static/", "/api/rate/")
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; "
        "img-src 'self' blob:; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
# A body may pause so long, and must come at so many bytes a second.
_PAUSE, _GRACE, _RATE = 10.0, 20.0, 20_000
_SMALL_BODY = 65_536


class RefusedError(Exception):
    """A request that is refused."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class Guard:
    """ASGI middleware that refuses what other sites or strangers ask for.

    A name that another site lets point to this machine (DNS rebinding) is no
    known host. What changes anything must come from a page of this server: its
    `Origin` must be that of the request (CSRF). Bodies are counted and timed
    while they arrive.

    Args:
        app: The ASGI application.
        hosts: Set of names that the server has, without ports.
        any_address: Whether addresses in numbers are hosts as well, for a
            server that listens to more than this machine.
        owner: Token that opens everything; None where none is needed.
        rater: Token that opens the rating alone, or None.
        max_upload: Largest body of an uploaded image in bytes.
    """

    def __init__(
        self,
        app,
        *,
        hosts,
        any_address=False,
        owner=None,
        rater=None,
        max_upload=200_000_000,
    ):
        self._app = app
        self._hosts = {host.lower() for host in hosts}
        self._any_address = any_address
        self._owner = owner
        self._rater = rater
        self._max_upload = max_upload

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # a web socket
            await send({"type": "websocket.close", "code": 1008})
            return
        started = False

        async def guarded(message):
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message = {**message, "headers": _with_headers(scope, message)}
            await send(message)

        try:
            headers = _single(scope["headers"])
            self._check_site(scope, headers)
            if await self._welcomed(scope, headers, guarded):
                return
            limited = self._limited(scope, headers, receive)
            await self._app(scope, limited, guarded)
        except RefusedError as refused:
            if not started:
                await _refuse(guarded, refused)

    def _check_site(self, scope, headers):
        if scope["method"] not in _METHODS:
            raise RefusedError(405, "This method is not allowed.")
        host = headers.get("host", "")
        if not self._is_ours(host):
            raise RefusedError(421, "This server does not have that name.")
        origin = headers.get("origin")
        own = f"{scope['scheme']}://{host}".lower()
        changes = scope["method"] not in ("GET", "HEAD")
        if changes and origin is None:
            raise RefusedError(403, "The request has no Origin.")
        if origin is not None and origin.lower() != own:
            raise RefusedError(403, "The request comes from another site.")
        site = headers.get("sec-fetch-site", "none")
        follows_link = (
            headers.get("sec-fetch-mode") == "navigate"
            and not changes
            and not scope["path"].startswith("/api/")
        )
        if site not in ("none", "same-origin") and not follows_link:
            raise RefusedError(403, "The request comes from another site.")

    def _is_ours(self, host):
        try:
            parts = urllib.parse.urlsplit(f"//{host}")
            name = parts.hostname or ""
            _ = parts.port  # ValueError
        except ValueError:
            return False
        if parts.netloc != host or parts.username is not None:
            return False
        if name in self._hosts:
            return True
        return self._any_address and _is_address(name)

    async def _welcomed(self, scope, headers, send):
        """Checks the token; answers where it came in the address."""
        if self._owner is None:
            return False
        query = urllib.parse.parse_qs(scope["query_string"].decode("latin-1"))
        in_address = query.pop("token", [""])[-1]
        given = in_address or _cookie(headers.get("cookie", ""))
        role = next(
            (
                role
                for role, token in (
                    ("owner", self._owner),
                    ("rater", self._rater),
                )
                if token and hmac.compare_digest(given.encode(), token.encode())
            ),
            None,
        )
        path = scope["path"]
        if role is None:
            raise RefusedError(
                401,
                "Open the address with its token, and let it keep a cookie.",
            )
        if role == "rater" and not path.startswith(_FOR_RATERS):
            raise RefusedError(403, "This address is not for raters.")
        if not in_address or path.startswith("/api/"):
            return False
        location = urllib.parse.quote(path.replace("//", "/"))
        cookie = f"{_COOKIE}={given}; Path=/; HttpOnly; SameSite=Lax"
        await send(
            {
                "type": "http.response.start",
                "status": 303,
                "headers": [
                    (b"location", location.encode()),
                    (b"set-cookie", cookie.encode()),
                    (b"content-length", b"0"),
                ],
            }
        )
        await send({"type": "http.response.body", "body": b""})
        return True

    def _limited(self, scope, headers, receive):
        """The function `receive`, which counts and times the body."""
        uploads = scope["path"] == "/api/files"
        limit = self._max_upload if uploads else _SMALL_BODY
        too_large = f"The body must have at most {limit} bytes."
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > limit:
            raise RefusedError(413, too_large)
        size, start, whole = 0, time.monotonic(), False

        async def limited():
            nonlocal size, whole
            if whole:  # the application waits for the end of the connection
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), _PAUSE)
            except TimeoutError:
                raise RefusedError(408, "The body comes too slowly.") from None
            size += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if size > limit:
                raise RefusedError(413, too_large)
            if time.monotonic() - start > _GRACE + size / _RATE and not whole:
                raise RefusedError(408, "The body comes too slowly.")
            return message

        return limited


def _single(headers):
    """Headers as a dict of str; one that comes twice is joined by a comma."""
    found = {}
    for name, value in headers:
        name, value = name.decode("latin-1").lower(), value.decode("latin-1")
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _is_address(name):
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _cookie(text):
    try:
        cookie = http.cookies.SimpleCookie(text).get(_COOKIE)
    except http.cookies.CookieError:
        return ""
    return cookie.value if cookie else ""


def _with_headers(scope, message):
    given = {name.lower() for name, _ in message.get("headers", ())}
    more = dict(_HEADERS)
    more["cache-control"] = "no-store"
    if scope["path"].startswith("/static/"):
        more["cache-control"] = "no-cache"
    return [
        *message.get("headers", ()),
        *(
            (name.encode(), value.encode())
            for name, value in more.items()
            if name.encode() not in given
        ),
    ]


async def _refuse(send, refused):
    body = json.dumps({"error": str(refused)}).encode()
    await send(
        {
            "type": "http.response.start",
            "status": refused.status,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
