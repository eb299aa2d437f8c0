"""`python -m routerkit`: the command, by an interpreter of one's choice."""

from routerkit.cli import main

if __name__ == "__main__":
    main()
