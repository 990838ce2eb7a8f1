"""The decision surface in three dimensions."""

from typing import Any

import numpy as np

from nnrun.pictures.surface import Surface, coloured
from nnrun.plot.gallery import HEIGHTS
from nnrun.plot.styles import MUTED

VIEW: dict[str, float] = {"elev": 28, "azim": -60}


def relief(ax: Any, surface: Surface, scale: tuple[float, float]) -> Any:
    """Draw a network's output as a height over the plane, coloured as the heatmap is.

    Args:
        ax: A three-dimensional axis to draw on.
        surface: The outputs; of several, the largest is the height.
        scale: The ends of the scale of outputs; outputs beyond it are cut.

    Returns:
        The same axis.
    """
    low, high = scale
    height = np.clip(surface.height, low, high)
    left, right, bottom, top = surface.plane.extent
    ax.set(xlim=(left, right), ylim=(bottom, top), zlim=(low, high), xlabel="x", ylabel="y")
    ax.set_zlabel(surface.label)
    ax.view_init(**VIEW)
    if surface.finite:
        x, y = np.meshgrid(surface.plane.x, surface.plane.y)
        look: dict[str, Any] = {"rcount": surface.plane.n, "ccount": surface.plane.n}
        if surface.several:
            look["facecolors"] = coloured(surface, low, high) / 255.0
        else:
            look |= {"cmap": HEIGHTS, "vmin": low, "vmax": high}
        look |= {"linewidth": 0, "antialiased": False, "shade": False}
        ax.plot_surface(x, y, height, **look)
    else:
        ax.text2D(0.5, 0.5, "diverged: the outputs are not finite", transform=ax.transAxes,
                  ha="center", color=MUTED)  # fmt: skip
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.set_pane_color((1, 1, 1, 0))
    ax.locator_params(nbins=5)
    return ax
