"""What a style transfer is of, so that `--resume` goes on with that and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from painter.options.transfer import TransferConfig
from painter.styling.inputs import Sources
from painter.system.fingerprint import options_of


@dataclass(frozen=True, eq=False)
class TransferFingerprint:
    """Pictures and options; what `painter.system.autosave.Autosave` asks for."""

    sources: Sources
    config: TransferConfig
    device: str  # 'cpu' or 'cuda'
    label = "transfer"

    def fingerprint(self) -> dict[str, Any]:
        """All that decides what comes out, ready for JSON. A network that is not named is known by its hash."""
        styles = {f"style {k}": style.sha256 for k, style in enumerate(self.sources.styles, 1)}
        return {"picture": self.sources.content.sha256, **styles, **options_of(self.config, device=self.device)}
