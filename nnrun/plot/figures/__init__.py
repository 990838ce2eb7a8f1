"""The figures of a sweep, one a file, each named as ``nnrun.plot`` names it and lists it.

Each function draws on the axis that it is given and returns it. Those that draw a line a setting
take, besides a table:

- ``line_styles``: the settings that have room between the limits, in order, and how each looks;
- ``labels``: what to call each setting; empty if the lines are named elsewhere;
- ``only``: of the settings those that are drawn on this axis; all if None;
- ``target``: a level that is drawn, in the units of the metric; None for none;
- ``horizon``: samples to which every trial is followed, the common budget.

Some figures are only as high as their names need: their function NAME_height says how many inches.
"""
