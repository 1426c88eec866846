# Written by tools/stubs.py from the table in the module of the same name.
from kfront.tuning.edits import add_skip as add_skip, deepen as deepen, swap as swap, widen as widen
from kfront.tuning.pruning import PruningCallback as PruningCallback
from kfront.tuning.searching import Search as Search
from kfront.tuning.space import Range as Range, suggest as suggest

__all__ = [
    "PruningCallback",
    "Range",
    "Search",
    "add_skip",
    "deepen",
    "suggest",
    "swap",
    "widen",
]
