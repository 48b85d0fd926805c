"""The command `cadenza`, also as python -m cadenza."""

import sys

from cadenza.command import main

if __name__ == "__main__":
    sys.exit(main())
