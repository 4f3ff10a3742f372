"""``python -m glmkit.cli``: the command line without its script."""

import sys

from glmkit.cli._main import main

sys.exit(main())
