"""Functions that NumPy has as well. The same objects as in `kfront.ops`.

The functions are those whose declarations name it as their `home`; `kfront.ops` fills it.
"""
