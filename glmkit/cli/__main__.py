"""``python -m glmkit.cli``: the command line without the installed script."""

import sys

from glmkit.cli._main import main

sys.exit(main())
