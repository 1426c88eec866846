"""Layers that prepare model inputs (text, numbers, look-ups, signals, pipelines); public in `kfront.layers`."""
