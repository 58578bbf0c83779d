"""A contender in a process of its own: prepares, then does a round each time it is told to."""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path

from tests.benchmarks.case import Clock, NotHere
from tests.benchmarks.cases import CASES


def main(arguments: list[str]) -> int:
    """Serve `CASE CONTENDER DATA`: a line of JSON when ready, then one for each line that comes in."""
    case_name, name, data = arguments
    case = next(case for case in CASES if case.name == case_name)
    contender = next(contender for contender in case.contenders if contender.name == name)
    answers = sys.stdout
    sys.stdout = sys.stderr  # what libraries print is no answer

    def answer(**found: object) -> None:
        answers.write(json.dumps(found) + "\n")
        answers.flush()

    try:
        run = contender.prepare(Path(data))
        answer(ready=True)
        for _ in sys.stdin:
            clock = Clock()
            figures = run(clock)
            answer(seconds=clock.seconds, figures=dict(figures or {}))
    except NotHere as why:
        answer(not_here=str(why))
    except Exception as error:
        traceback.print_exc()
        answer(error=f"{type(error).__name__}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
