"""The command line as `python -m nearsight`."""

import sys

from nearsight.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
