"""An HTTP server that leaves signals to whoever runs the process."""

from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn


class Quiet(uvicorn.Server):
    """uvicorn's server without its signal handlers."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
