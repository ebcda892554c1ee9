"""gunicorn's entry where the agent is configured by the environment alone: `gunicorn instance_agent.wsgi:app`."""

from instance_agent.app import create_app
from instance_agent.settings import Settings

app = create_app(Settings())
