"""The lowest layer of the package: everything imports it, and it imports no engine."""
