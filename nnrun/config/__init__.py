"""The configuration: what can be set, the rules that it is checked by, and how it is read.

- ``settings``: the frozen dataclasses; ``evaluation_grid``: where a setting's trials are evaluated.
- ``schema``: plain mappings checked against dataclasses.
- ``components``: sections made into components, and back.
- ``rules``: what spans several groups.
- ``read``: from a composed configuration to a job.
"""
