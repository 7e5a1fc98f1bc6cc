"""What stands before every request, as if someone will put the page on a network.

Another site's page in the same browser can send requests here, but it can neither read the token, which is in the part
of the address that browsers keep to themselves, nor set the header that carries it. A site whose name is pointed at
this machine (DNS rebinding) sends its own name as `Host`, and is refused for that.
"""

import hmac
import ipaddress
import json
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.refusal import Refusal

TOKEN_HEADER = "X-Token"
LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """Checks host, origin and token before the application, and adds the headers that bind the browser.

    Args:
        app: what is guarded.
        token: that requests below `/api/` must bear.
        hosts: names and addresses under which the server is reached, without port.
        any_address: take any IP address as `Host`, too, for a server that listens on all of a machine's addresses. A
            rebound name is no address.
    """

    def __init__(self, app: ASGIApp, token: str, hosts: Iterable[str], any_address: bool = False) -> None:
        self.app, self.token, self.any_address = app, token.encode(), any_address
        self.hosts = {host.lower().strip("[]") for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            self._check(scope["path"], Headers(scope=scope))
        except Refusal as refusal:
            await send_refusal(refusal, send_guarded)
            return
        await self.app(scope, receive, send_guarded)

    def _check(self, path: str, headers: Headers) -> None:
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or not self._is_ours(f"//{hosts[0]}"):
            named = f" as {hosts[0][:80]!r}" if hosts else ""
            raise Refusal(403, "bad_host", f"This server is not reached{named}; start it with --allowed_hosts NAME.")
        if any(urlsplit_or_none(o) != hosts[0].lower() for o in origins):
            raise Refusal(403, "bad_origin", "Requests of other sites are refused.")
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none") and path.startswith("/api/"):
            raise Refusal(403, "bad_origin", "Requests of other sites are refused.")
        given = headers.get(TOKEN_HEADER, "").encode("utf-8", "replace")
        if path.startswith("/api/") and not hmac.compare_digest(given, self.token):
            message = (
                "The token is missing or of an earlier start; it stands in the address that the server printed, and "
                f"goes into the header {TOKEN_HEADER}."
            )
            raise Refusal(401, "bad_token", message)

    def _is_ours(self, url: str) -> bool:
        try:
            name = urlsplit(url).hostname
        except ValueError:
            return False
        if name is None:
            return False
        if name in self.hosts:
            return True
        return self.any_address and _is_address(name)


def urlsplit_or_none(origin: str) -> str | None:
    """Host and port of an origin, in small letters; None where it is none, as `null`."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc.lower() if parts.scheme in ("http", "https") and parts.netloc else None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def send_refusal(refusal: Refusal, send: Send) -> None:
    """Answer with the refusal's words as JSON, and close the connection: what was not read of it is not waited for."""
    body = json.dumps({"error": refusal.message, "code": refusal.code}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
