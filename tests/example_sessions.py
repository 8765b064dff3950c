"""An identity provider whose tokens have any lifetime, and the sessions of examples/host with them."""

import base64
import http.cookies
import json
import os
import subprocess
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from caller import Caller, check, step, until
from service import ROOT, free_port, listens

DAYS_30 = 30 * 24 * 60 * 60


class Issuer(BaseHTTPRequestHandler):
    lifetime = 0  # seconds
    nonce = ""

    def do(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        url = self.url(self.server)
        if self.command == "GET":
            return self.respond({"authorization_endpoint": f"{url}/authorize", "token_endpoint": f"{url}/token"})
        claims = {"iss": url, "aud": "console", "nonce": Issuer.nonce, "exp": time.time() + 60, "sub": "jane", "email": "jane@example.com"}
        payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        return self.respond({"access_token": "opaque", "id_token": f"e30.{payload}.", "expires_in": Issuer.lifetime})

    do_GET = do_POST = do

    @staticmethod
    def url(server: ThreadingHTTPServer) -> str:
        return f"http://127.0.0.1:{server.server_address[1]}"

    def respond(self, value: dict) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def application(issuer: str, store: Path):
    """The application, with an issuer of its own and without the service."""
    port = free_port()
    variables = {
        "ORIGIN": f"http://127.0.0.1:{port}",
        "API_URL": "http://127.0.0.1:1",
        "ISSUER": issuer,
        "ISSUER_NAME": "test",
        "CLIENT_ID": "console",
        "WEBHOOK_KEY": "unused",
        "STORE": str(store),
    }
    process = subprocess.Popen(["node", ROOT / "examples" / "host" / "server.mjs"], env=os.environ | variables, stdout=subprocess.DEVNULL)
    try:
        until(lambda: listens(port), "The application must start.")
        yield Caller(port)
    finally:
        process.kill()
        process.wait()


def sign_in(app: Caller, lifetime: int) -> str:
    """Signs in with a token that is valid for so many seconds, and returns the session's cookie."""

    def cookie(response: object) -> str:
        check(response.status == 303, "It must be a redirect.", response)
        ((name, value),) = http.cookies.SimpleCookie(response.headers["set-cookie"]).items()
        return f"{name}={value.value}"

    started = app.call("GET", "/sign-in")
    query = parse_qs(urlsplit(started.headers["location"]).query)
    Issuer.lifetime, Issuer.nonce = lifetime, query["nonce"][0]
    return cookie(app.call("GET", f"/callback?code=1&state={query['state'][0]}", Cookie=cookie(started)))


def sessions_last_as_long_as_tokens(directory: Path) -> None:
    step("a session lasts as long as its token, be it a second or thirty days")
    with ThreadingHTTPServer(("127.0.0.1", 0), Issuer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            with application(Issuer.url(server), directory / "members.json") as app:
                short, long = sign_in(app, 1), sign_in(app, DAYS_30)
                check(app.call("GET", "/session", Cookie=short).status == 200, "The short session must be there at first.")
                time.sleep(1.1)
                statuses = [app.call("GET", "/session", Cookie=cookie).status for cookie in (short, long)]
                check(statuses == [401, 200], "Only the short session must have ended.", statuses)
        finally:
            server.shutdown()
