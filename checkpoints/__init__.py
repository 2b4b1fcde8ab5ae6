"""The pretrained networks: one safetensors file a brush, and manifest.json with how each was made."""
