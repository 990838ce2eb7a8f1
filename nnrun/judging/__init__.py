"""Anybody's learning curves, judged as nnrun's own are.

- ``frame``: a row an evaluation: read, checked, cut into curves
- ``target``: what counts as converged, from words such as val_acc>=0.9
- ``trials``: from curves to trials: the points all share, times to target, what is censored
- ``judge``: from a frame to Results, and to tables and a page in a folder
- ``files``: CSV, Parquet, JSON lines and TensorBoard's event files as a frame
"""
