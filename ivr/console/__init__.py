"""The pages and answers of the hotline over HTTP: health, readiness, figures, the last calls."""

from ivr.console.app import application, serve

__all__ = ["application", "serve"]
