"""What a notebook shows of curves that others trained is in their own words."""

import pandas as pd

import nnrun


def test_a_card_of_judged_curves_has_the_headings_of_what_was_judged():
    rows = [
        (a, s, t, 0.1 * t + 0.01 * s + (a == "b"))
        for a in "ab"
        for s in range(5)
        for t in range(1, 9)
    ]
    frame = pd.DataFrame(rows, columns=["arm", "seed", "step", "reward"])
    found = nnrun.judge(frame, setting="arm", target="reward>=0.5")
    shown = found._repr_html_()
    assert "<th>reward</th>" in shown
    assert "test loss" not in shown
    assert "accuracy" not in shown
    found.plot.learning_curves()  # of what was judged, if no metric is named
