"""Training: the trainer, its steps and loops, data adapters, compiled losses and metrics."""
