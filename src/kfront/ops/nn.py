"""Functions that neural networks are made of. The same objects as in `kfront.ops`.

The functions are those whose declarations name it as their `home`; `kfront.ops` fills it.
"""
