"""Ops on every backend: values, dtypes, inference, compiled runs, gradients, from one table."""
