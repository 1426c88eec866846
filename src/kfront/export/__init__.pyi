# Written by tools/stubs.py from the table in the module of the same name.
from kfront.export.archive import ExportArchive as ExportArchive

__all__ = [
    "ExportArchive",
]
