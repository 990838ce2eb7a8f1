"""A table of medians after pytest-benchmark's own."""


def pytest_terminal_summary(terminalreporter):
    session = getattr(terminalreporter.config, "_benchmarksession", None)
    if session is None or not session.benchmarks:
        return
    groups: dict[str, list[tuple[str, float]]] = {}
    for bench in session.benchmarks:
        if not bench.stats.data:
            continue
        info = bench.extra_info
        median = 1e9 * bench.stats.median / info["amount"]
        groups.setdefault(info["group"], []).append((info["peer"], median))
    terminalreporter.section("nanoseconds a trial and sample (median of five), times the first row")
    for group, rows in groups.items():
        terminalreporter.write_line(f"\n{group}")
        for peer, median in rows:
            ratio = median / rows[0][1]
            terminalreporter.write_line(f"  {peer:<42}{median:>14,.1f}{ratio:>12,.1f} x")
