"""The channel API: FastAPI over the domain's commands, for other channels than the telephone."""

from ivr.console.api.application import channel_api, courier_of, document, served

__all__ = ["channel_api", "courier_of", "document", "served"]
