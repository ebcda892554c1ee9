"""What every answer of the embedded provider carries to keep browsers careful."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Response, request


def add_security_headers(app: Flask, *, client_address: str) -> None:
    """Set the headers on every answer of `app`.

    Browsers apply form-action to the redirect after a form as well, so the client's origin is named in it.
    """
    parts = urlsplit(client_address)
    policy = "; ".join(
        (
            "default-src 'none'",
            "style-src 'self'",
            "img-src 'self'",
            f"form-action 'self' {parts.scheme}://{parts.netloc}",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        response.headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
        if request.endpoint != "static":
            response.headers.setdefault("Cache-Control", "no-store")
        return response
