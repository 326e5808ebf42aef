"""Whether somebody speaks: the silero model, 8 kHz, 32 ms at a time.

Rules: one model per process, one state per call, carried by hand.  The model is `vad/silero_vad.onnx`, unchanged from
the wheel silero-vad 6.2.3 (MIT, see vad/LICENSE).  Why this one and no other: docs/decisions/085-voice-activity.md.
Theory: the network sees a chunk of 256 samples after the last 32 of the chunk before, and a recurrent state.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

RATE = 8000
CHUNK = 256
"""Samples looked at together: 32 ms."""
MODEL = Path(__file__).parent / "vad/silero_vad.onnx"
_CONTEXT = 32

Chunk = npt.NDArray[np.int16]


class VoiceModel:
    """The network, loaded once per process (about 50 ms)."""

    def __init__(self, path: Path = MODEL) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._rate = np.array(RATE, np.int64)

    def run(
        self, sound: npt.NDArray[np.float32], state: npt.NDArray[np.float32]
    ) -> tuple[float, npt.NDArray[np.float32]]:
        """Probability of speech, and the state after it.  sound: (1, 288) in [-1, 1]; state: (2, 1, 128)."""
        likely, after = self._session.run(None, {"input": sound, "state": state, "sr": self._rate})
        return float(np.asarray(likely)[0, 0]), np.asarray(after)


class VoiceActivity:
    """Probability of speech along one stream."""

    def __init__(self, model: VoiceModel) -> None:
        self._model = model
        self._sound = np.zeros((1, _CONTEXT + CHUNK), np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget what came before."""
        self._sound[:] = 0
        self._state = np.zeros((2, 1, 128), np.float32)

    def __call__(self, chunk: Chunk) -> float:
        """0 to 1 for the next `CHUNK` samples (16-bit, 8 kHz)."""
        self._sound[0, :_CONTEXT] = self._sound[0, -_CONTEXT:]
        np.multiply(chunk, 1 / 32768, out=self._sound[0, _CONTEXT:], casting="unsafe")
        likely, self._state = self._model.run(self._sound, self._state)
        return likely
