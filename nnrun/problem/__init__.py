"""What is to be learned, and what a network gets as inputs.

- ``problem``: the parts of a learning problem, whatever it was made from.
- ``generator_base``, ``planar_generators``, ``pattern_generators``: problems that are generated.
- ``table_file``, ``cells``, ``column_checks``, ``table``: real data, read and checked.
- ``column_encoder``, ``split_tables``: columns as inputs; training and test rows; bundled tables.
- ``expressions``, ``features``, ``feature_sets``: inputs made from a problem's own, such as x·y.
"""
