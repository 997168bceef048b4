"""Objectives: (model, batch, key, step) -> loss and metrics; what training minimizes, in nats per row."""
