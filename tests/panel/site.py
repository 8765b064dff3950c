"""A host application in a few lines: a page with the panel, and the API under /proxy of the same origin."""

import http.client
import json
import re
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from browser.stand_in import GONE, Received, Response
from service import ROOT

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Members</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/page.css">
<main><h1>Members</h1><invitations-panel endpoint="/proxy"></invitations-panel></main>
<script type="module" src="/page.js"></script>
"""
STYLE = "body { margin: 0; font-family: system-ui } main { max-width: 72rem; margin: 0 auto; padding: 0.5rem } h1 { margin: 1rem }"
SCRIPT = """import "/invitations-panel.js";
window.changes = [];
window.unauthorized = 0;
const panel = document.querySelector("invitations-panel");
panel.addEventListener("invitations-changed", ({ detail }) => window.changes.push(detail));
panel.addEventListener("invitations-unauthorized", () => window.unauthorized++);
panel.getToken = async () => (await fetch("/token", { method: "POST" })).text();
"""


class Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A browser closes connections whenever it likes."""


class Site:
    """Serves until the end of the `with`."""

    def __init__(self, api_port: int, credential: str):
        self.api_port, self.credential = api_port, credential
        self.bundle = (ROOT / "panel" / "dist" / "invitations-panel.js").read_bytes()
        self.texts: dict | None = None  # in place of the API's
        self.asked: list[Received] = []  # of the API, by the panel
        self.tokens = 0
        self._prepared: list[tuple[str, str, Response]] = []
        self._server = Server(("127.0.0.1", 0), self._handler())
        self.origin = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Site":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def will(self, method: str, path: str, *responses: Response) -> None:
        """Responses in place of the API's next ones to a route. The path is a regular expression."""
        self._prepared += [(method, path, response) for response in responses]

    def writes(self, path: str = "") -> list[Received]:
        return [request for request in self.asked if request.method == "POST" and path in request.path]

    def forget(self) -> None:
        self.asked, self._prepared = [], []

    def _respond(self, request: Received) -> tuple[int, dict[str, str], bytes] | None:
        own = {
            "/": ("text/html; charset=utf-8", PAGE.encode()),
            "/page.css": ("text/css", STYLE.encode()),
            "/page.js": ("text/javascript", SCRIPT.encode()),
            "/invitations-panel.js": ("text/javascript", self.bundle),
        }
        if request.path == "/token":
            self.tokens += 1
            return 200, {"content-type": "text/plain"}, self.credential.encode()
        if request.path in own:
            kind, body = own[request.path]
            return 200, {"content-type": kind, "content-security-policy": POLICY}, body
        if not request.path.startswith("/proxy/"):
            return 404, {}, b""
        request = request._replace(path=request.path.removeprefix("/proxy"))
        self.asked.append(request)
        for prepared in self._prepared:
            method, path, response = prepared
            if request.method == method and re.fullmatch(path, request.path):
                self._prepared.remove(prepared)
                return self._stand_in(response)
        if request.path == "/console/texts.json" and self.texts:
            return self._stand_in(Response(200, self.texts))
        return self._forward(request)

    def _stand_in(self, response: Response) -> tuple[int, dict[str, str], bytes] | None:
        time.sleep(response.after)
        if response == GONE:
            return None
        return response.status, {"content-type": "application/json"} | response.headers, json.dumps(response.body).encode()

    def _forward(self, request: Received) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.api_port, timeout=40)
        kept = ("authorization", "content-type", "idempotency-key", "if-match", "if-none-match")
        headers = {name: value for name, value in request.headers.items() if name in kept}
        connection.request(request.method, request.path, request.body or None, headers)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        dropped = ("transfer-encoding", "connection", "content-length")
        return response.status, {name: value for name, value in response.getheaders() if name.lower() not in dropped}, body

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                response = site._respond(Received(self.command, self.path, headers, body))
                with suppress(OSError):
                    if response is None:
                        self.close_connection = True
                        self.connection.shutdown(2)
                        return
                    status, headers, content = response
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)

            do_GET = do_POST = _any

            def log_message(self, *_: object) -> None:
                pass

        return Handler
