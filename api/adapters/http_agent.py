"""The agent over HTTP: the same in every cloud."""

from __future__ import annotations

import requests

from api.ports import AgentHealth

TIMEOUT_SECONDS = 1.0


class HttpAgent:
    """Asks an agent how it is."""

    def health(self, address: str) -> AgentHealth | None:
        """What the agent at this base URL says of itself; None when it doesn't answer well within a second."""
        try:
            health = requests.get(f"{address}/health", timeout=TIMEOUT_SECONDS, allow_redirects=False)
            version = requests.get(f"{address}/version", timeout=TIMEOUT_SECONDS, allow_redirects=False)
            if health.status_code != 200 or version.status_code != 200:
                return None
            told = version.json()
        except (requests.RequestException, ValueError):
            return None
        text = told.get("version") if isinstance(told, dict) else None
        return AgentHealth(text) if isinstance(text, str) else None
