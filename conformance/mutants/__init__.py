"""``python -m conformance.mutants``: change the code of ops and adapters at random, and see that the suite notices.

A mutant is one small change of one function: operands swapped, a cast or a mask left out, another axis or padding, the
wrong reduction, a gradient lost. `changes` says what may become what, `draw` chooses, `patching` replaces the code of
running functions, `touched` knows which cases of the suite run which statement, `runner` runs those until one fails.
`mutants.toml` lists the mutants that nothing can notice, each with the reason.
"""
