"""What everything stands on; nothing here imports an engine."""
