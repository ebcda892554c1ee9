"""Signing in: the OpenID client of the console, and the embedded provider for one machine."""
