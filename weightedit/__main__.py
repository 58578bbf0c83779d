"""`python -m weightedit` is the command `weightedit`."""

from __future__ import annotations

import sys

from weightedit.cli import main

sys.exit(main())
