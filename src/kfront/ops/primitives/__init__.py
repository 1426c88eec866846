"""What every backend implements. The modules here import no other ops, only each other."""

from kfront.ops.primitives.arithmetic import *
from kfront.ops.primitives.control import *
from kfront.ops.primitives.creation import *
from kfront.ops.primitives.dtypes import *
from kfront.ops.primitives.elementary import *
from kfront.ops.primitives.fourier import *
from kfront.ops.primitives.indexing import *
from kfront.ops.primitives.linalg import *
from kfront.ops.primitives.logic import *
from kfront.ops.primitives.nn import *
from kfront.ops.primitives.random import *
from kfront.ops.primitives.reductions import *
from kfront.ops.primitives.shapes import *
from kfront.ops.primitives.sorting import *
