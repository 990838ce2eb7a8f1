"""From a sweep's tables to its report: statistics, figures, captions and the page."""
