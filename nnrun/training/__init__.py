"""From settings and seeds to curves and outcomes: stacks, their samples, engines, the trainer."""
