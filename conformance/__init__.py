"""The conformance suite: every backend does the same, case by case, against NumPy in float64.

Run ``python -m conformance`` in a checkout, ``python -m kfront.conformance`` where kfront is installed; see ``--help``.
Areas are modules that yield `Case`s; deviations that cannot be mended here stand in ``xfail/NAME.txt`` with a reason
each, and are strict: one that passes is a failure.
"""
