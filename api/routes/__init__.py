"""Thin HTTP handlers: parse, authorise, one call, answer."""
