"""``python -m tests.fuzz``: thousands of command lines; each that fails is printed as it comes."""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tests.fuzz.folder import furnish
from tests.fuzz.judge import fault
from tests.fuzz.lines import line
from tests.fuzz.start import Outcome, start


def main() -> int:
    """Run the lines; return 1 if one of them fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--lines", type=int, default=1000, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="of all of them")
    parser.add_argument("--first", type=int, default=0, help="number of the first, to go on")
    parser.add_argument("--others", type=float, default=0.4, help="share of the other commands")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--show", action="store_true", help="print every line and its answer")
    asked = parser.parse_args()
    numbers = range(asked.first, asked.first + asked.lines)
    kinds: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home:
        template = furnish(Path(home))
        for done, (number, outcome) in enumerate(_outcomes(asked, numbers, template), start=1):
            wrong = fault(outcome)
            codes[str(outcome.code)] += 1
            if wrong or asked.show:
                kinds[wrong] += bool(wrong)
                _tell(f"{asked.seed}:{number} {outcome.seconds:.1f} s {wrong or outcome.code}")
                _tell(f"  {outcome.line}")
                if kinds[wrong] <= 2:
                    _tell("    " + outcome.output.strip()[-1500:].replace("\n", "\n    "))
                if wrong.startswith("left"):
                    _tell(f"    left: {' '.join(outcome.left)}")
            if done % 100 == 0:
                pace = (time.monotonic() - began) / done
                _tell(
                    f"-- {done} of {len(numbers)} lines, {pace:.2f} s a line, codes {dict(codes)}"
                )
    found = {kind: count for kind, count in kinds.most_common() if count}
    _tell(f"{len(numbers)} lines, {sum(found.values())} failures of {len(found)} kinds")
    for kind, count in found.items():
        _tell(f"{count:6} {kind}")
    return 1 if found else 0


def _outcomes(
    asked: argparse.Namespace, numbers: range, template: Path
) -> Iterator[tuple[int, Outcome]]:
    """Yield each line's number and end, as they come."""
    with ThreadPoolExecutor(asked.workers) as pool:
        lines = {
            pool.submit(start, line(asked.seed, n, asked.others), template): n for n in numbers
        }
        for done in as_completed(lines):
            yield lines[done], done.result()


def _tell(text: str) -> None:
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace") + b"\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
