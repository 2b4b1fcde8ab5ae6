"""What all tests share."""

import os

# As painter.cli has it, and for the same reason; before anything imports torch.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
