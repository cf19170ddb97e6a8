"""The command line as `python -m nearsight`."""

from nearsight.cli.entry import entry

if __name__ == "__main__":
    entry()
