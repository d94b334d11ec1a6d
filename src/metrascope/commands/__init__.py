"""What each command understands and does: its options, one call of the package, what is printed.

What a command needs it imports when it runs: ``--help`` must load neither torch nor pandas.
"""
