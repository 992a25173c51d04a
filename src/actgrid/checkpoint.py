"""The state of a training in a file: what was cut off goes on where it stopped."""

import hashlib
import json
import logging
import time
from dataclasses import asdict
from pathlib import Path

import torch

from actgrid.whole import temporary_name, whole

LOG = logging.getLogger(__name__)
INTERVAL = 60.0  # seconds between two checkpoints; a run that takes less writes none


class Checkpoint:
    """What lasts of a training from epoch to epoch, in `file`, which need not be there.

    `parts`: name -> what has state_dict and load_state_dict, as modules have, or a generator; with
    what a training adds ("model" above all) they are its whole state. A file is taken up if `about`
    (what JSON can hold) and the network, as it was before any training, are those that it was
    written for; any other one is left aside, with a word in the log.
    """

    def __init__(self, file: Path):
        self.file, self.about, self.parts, self.key = file, {}, {}, None
        self.last = time.monotonic()

    def resume(self, **parts) -> list[dict]:
        """Add parts; put all into the state of the file. The rows of its epochs, or none."""
        self.parts |= parts
        self.key, self.last = self._key(), time.monotonic()
        if not self.file.exists() or not (found := self._read()):
            return []
        for name, part in self.parts.items():
            load = part.set_state if isinstance(part, torch.Generator) else part.load_state_dict
            load(found["parts"][name])
        LOG.info("goes on after epoch %s, from %s", len(found["history"]), self.file)
        return found["history"]

    def save(self, history) -> None:
        """Write the state after an epoch, if the last time is long ago; no full disk stops it."""
        if time.monotonic() - self.last < INTERVAL:
            return
        state = {name: _state(part) for name, part in self.parts.items()}
        document = {"key": self.key, "history": [asdict(e) for e in history], "parts": state}
        try:
            with whole(self.file) as temporary:
                torch.save(document, temporary)
        except (OSError, RuntimeError) as error:
            LOG.warning("no checkpoint: %s", error)
        self.last = time.monotonic()

    def remove(self) -> None:
        """To be called when the results are written."""
        for file in (self.file, temporary_name(self.file)):
            file.unlink(missing_ok=True)

    def _read(self):
        try:
            found = torch.load(self.file, map_location="cpu", weights_only=True)
        except Exception as error:  # whatever stands in a broken file
            LOG.warning("%s cannot be read (%r): from the beginning", self.file, error)
            return None
        if isinstance(found, dict) and found.get("key") == self.key:
            return found
        LOG.info("%s is of other settings, source or data: from the beginning", self.file)
        return None

    def _key(self):
        """sha256 (hex) of `about` and of the network as it is."""
        digest = hashlib.sha256(json.dumps(self.about, sort_keys=True).encode())
        for name, tensor in self.parts["model"].state_dict().items():
            digest.update(f"\0{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
        return digest.hexdigest()


def _state(part):
    return part.get_state() if isinstance(part, torch.Generator) else part.state_dict()
