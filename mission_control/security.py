"""Headers of every answer, and the console's one address."""

from __future__ import annotations

from flask import Flask, Response, g, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from mission_control.accounts.gate import asked_address
from mission_control.errors import ConsoleError
from mission_control.settings import Settings


def init_app(app: Flask, settings: Settings) -> None:
    """Have every answer carry the headers, and every request come to the public address."""
    # The provider is in form-action because signing out is a form whose answer redirects there.
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        f"form-action 'self' {settings.oidc_origin}; base-uri 'none'; frame-ancestors 'none'"
    )
    host = settings.public_url.split("://", 1)[1]

    @app.before_request
    def keep_to_one_address() -> AnyResponse | None:
        """Cookies and the sign-in belong to one host name; another one on this machine is sent there."""
        if request.host == host or request.path == "/health":
            return None
        if request.method in {"GET", "HEAD"}:
            return redirect(settings.public_url + asked_address(), 308)
        raise ConsoleError("host_unknown")

    @app.after_request
    def add_headers(response: Response) -> Response:
        headers = response.headers
        headers["Content-Security-Policy"] = policy
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Frame-Options"] = "DENY"
        headers["Referrer-Policy"] = "same-origin"
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        headers["X-Request-Id"] = g.get("request_id", "")
        headers.setdefault("Cache-Control", "no-store")
        if settings.is_https:
            headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
        return response
