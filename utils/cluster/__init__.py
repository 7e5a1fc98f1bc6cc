"""Photos of a list, done by any number of processes on any number of machines, none of them lost.

What was done stands in records (`records`), written after the result has its final name. Everything else may end at any
moment: what has no record is done again, and doing a photo twice gives the same bytes.
"""
