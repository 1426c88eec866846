"""Kinds of probes: each module has ``probes(subject) -> iterator of Probe`` and the families that it is about."""
