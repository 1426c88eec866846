"""Layers that prepare model inputs; `kfront.layers` is their public place."""
