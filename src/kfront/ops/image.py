"""Images: sizes, places, colours, filters, patches.

The functions are those whose declarations name it as their `home`; `kfront.ops` fills it.
"""
