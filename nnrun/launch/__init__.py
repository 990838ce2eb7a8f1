"""One launch, from checked jobs to its report.

- ``claim``: a sweep's folder, its own or that of an unfinished sweep with the same jobs.
- ``tuning``: for each job the values that do best, on seeds that are not reported; ``racing``:
  who of them gets how many.
- ``blocks``: seeds in blocks, until every comparison is decided.
- ``launch``: plan, train, write records, track settings as they are done.
- ``sources``: records under some folders, by the sweep that they are of, and setting by setting.
- ``sweeps``: what a sweep is, as its records and its sweep.json tell; several put together.
- ``history``: at how many seeds results of the same settings were looked at before.
- ``choices``: another target, baseline, facet, or naming of settings; ``required``: a finding.
- ``finish``: the one way from records to tables, report, index, sweep.json and MLflow.
- ``terminal``: what the user sees; ``facts``: what a script does.
"""
