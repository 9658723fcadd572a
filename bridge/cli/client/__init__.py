"""The verbs that ask a running service: a client of the HTTP API, with the same words.

`_nouns` is the table of what can be asked, `_parser` makes the command line of it, `_do` asks and shows the answer.
`tail`, `replay`, `profile` and `completion` are verbs of their own. Nothing of httpx or rich is loaded before a verb of
the client runs.
"""
