"""Speed beside code written by hand for the engine, and beside Keras, alternating in one process.

``python -m benchmarks --engine torch``; see ``--help``. Numbers are medians of paired ratios: each round runs the
candidates one after another, so that a slow spell of the machine hits them alike.
"""
