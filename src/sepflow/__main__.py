"""`python -m sepflow`."""

import sys

from sepflow.cli import main

sys.exit(main())
