"""Impasto's nodes for ComfyUI: strokes in, strokes out. README.md says how to install them.

nodes.py     the nodes
widgets.py   their widgets, made from the options' own fields
tensors.py   ComfyUI's tensors as the arrays that Impasto takes, and back
"""

from .nodes import comfy_entrypoint

__all__ = ["comfy_entrypoint"]
