"""Pictures of one trained network, and of how it learned.

Values and their drawings, axis in and axis out:

- ``surface``, ``surface_plots``: what a network answers over the plane of its problem.
- ``graphs``: the same along the input of a problem that has but one, and losses and accuracy along
  training.
- ``neurons``: a small heatmap for every unit.
- ``diagram``: units and links with their weights.
- ``film``: a trial to be drawn, as its record has it, and trained again and watched, as frames.

Of a whole sweep, for its report:

- ``replay``: trials filmed at the same moments, as many as a bound on time allows.
- ``thumbnails``: a trial in small: its answers, its units and its network.
- ``behaviour``: all of that, as plain data, with what is said below it.
- ``panels``: the same as figures for files.

Files:

- ``trial_pictures``: a trial as it ended.
- ``gif``: how it learned, as GIF.
- ``player``: how one or several did, as a page, from ``player.html.j2`` and its scripts.
- ``animation``: which trials of a sweep are shown so.
- ``__main__``: ``python -m nnrun.pictures FOLDER``.
"""
