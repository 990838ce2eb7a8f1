"""``python -m nnrun.ui``: MLflow's pages on the store of a sweep, opened on its settings."""
