"""Layers that transform images, and the labels, boxes and masks that belong to them; public in `kfront.layers`."""
