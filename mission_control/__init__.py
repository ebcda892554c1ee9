"""The web console: people, teams, sign-in. Everything about environments goes through the control plane."""
