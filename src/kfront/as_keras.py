"""`python -m kfront.as_keras script.py [arguments]`: run a program written for Keras on kfront, unchanged.

`python -m kfront.as_keras -m module [arguments]` runs a module. `KERAS_BACKEND` chooses the engine.
"""

from __future__ import annotations

import os
import runpy
import sys

from kfront.interop.as_keras import install_as_keras


def main(arguments: list[str]) -> None:
    """Run a script or module with `keras` standing for kfront.

    Args:
        arguments: the script's path, or ``"-m"`` and a module's name, and what follows it on its command line.
    """
    if not arguments or arguments[0] in ("-h", "--help") or (arguments[0] == "-m" and len(arguments) < 2):
        sys.exit((__doc__ or "").strip())
    install_as_keras()
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        sys.path[0] = os.getcwd()
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        return
    script = arguments[0]
    if not os.path.exists(script):
        sys.exit(f"[kfront.as_keras] expected the path of a script, got {script!r}: there is no such file.")
    sys.argv = arguments
    sys.path[0] = os.path.dirname(os.path.abspath(script))
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
