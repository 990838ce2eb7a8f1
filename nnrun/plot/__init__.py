"""Figures of a sweep: axis in, axis out; no statistic is computed here.

- ``styles``: the palette, the style sheet, a colour and a dash pattern for each setting.
- ``axes``: scales and ticks.
- ``labels``: names of lines, beside their ends or in a legend.
- ``figures``: learning curves and times to target.
- ``canvas``: from a drawing function to a figure, SVG and PNG.
- ``gallery``: every generated data set in one figure.
"""
