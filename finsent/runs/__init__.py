"""The run folder: record, store, queue, worker, checkpoints, curves, history, adapters in and out."""
