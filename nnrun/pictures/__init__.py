"""Pictures of one trained network, and of how it learned.

What is shown, as plain arrays:

- ``subject``: a trial to be drawn: its setting, parameters and curves, also from its record.
- ``plane``: what a network's units answer over the plane of its problem.
- ``response``: the same along the input of a problem that has but one.
- ``surface``: the outputs over the plane: shades, a scale, and where classes meet.
- ``wiring``: units, links, weights and biases at their places.
- ``film``: trials trained again and watched, as frames.

Of a whole sweep, for its report:

- ``casting``: which trials are shown: the median one of a setting, and the worst of all.
- ``moments``: at which samples seen settings are looked at side by side.
- ``reel``: trials filmed at these moments, as many as a bound on time allows.
- ``tiny``: small pictures as PNG files of a few colours.
- ``looks``: a trial in small: its answers, its units and its wiring.
- ``tell``: captions.
- ``behaviour``: all of that, as plain data.
- ``panels``: the same as figures for files.

Drawings, axis in and axis out:

- ``heatmap``: the decision surface, flat.
- ``graph``: the outputs along a single input.
- ``relief``: the decision surface in three dimensions.
- ``neurons``: a small heatmap for every unit.
- ``diagram``: the network with its weights.
- ``history``: losses and accuracy against training samples seen.

Files:

- ``stills``: the PNG files of a trial.
- ``gif``: the animation as GIF.
- ``player``: the animation as a page of its own, from ``player.html.j2`` and its scripts.
- ``animate``: all of these in the folder of each setting.
- ``progress``: how far the drawing is.
- ``__main__``: ``python -m nnrun.pictures FOLDER``.
"""
