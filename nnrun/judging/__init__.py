"""Anybody's learning curves, judged as nnrun's own are.

- ``columns``: of a table: which is what, and what stands in them as numbers
- ``frame``: a row an evaluation: checked, cut into curves
- ``target``: what counts as converged, from words such as val_acc>=0.9
- ``ends``: where curves end: which had arrived by then, and up to where all are judged
- ``doubts``: what a verdict on curves would say nothing for
- ``trials``: from curves to trials: the points all share, times to target, what is censored
- ``pairing``: whether settings are compared seed by seed
- ``judge``: from a frame to Results, and to tables and a page in a folder
- ``metric_lines``: numbers in what a program prints
- ``differing``: what tells commands apart
- ``programs``: commands with holes for seeds and values, as settings to be run
- ``processes``: programs as processes, ended with all they started
- ``runs``: runs that have ended, each a file, and up to where they are to go
- ``running``: what is missing is run, in parallel, seed by seed
- ``run_table``: from runs to a frame, and what is to be said of them
- ``judged_programs``: programs are run and judged; ``python -m nnrun.judge -- COMMAND``
- ``files``: CSV, Parquet and JSON lines as a frame; ``events``: TensorBoard's event files
- ``sources``: which of them is meant, or an MLflow experiment, and what tells its settings apart
"""
