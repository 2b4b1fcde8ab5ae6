"""Many paintings: collections of unique tokens with their metadata, and folders painted in one go.

    recipe.py        what a collection may be; reading.py reads it, with toml_lines.py and complaints.py
    checking.py      finds what cannot be, before anything is painted
    chance.py        numbers from a seed and names; combinations.py counts what rules allow; drawing.py draws tokens
    tokens.py        from a token to its job
    jobs.py          one painting of many, as it is handed to a worker, and what comes back
    derived.py       what is made without painting: metadata.py, rarity.py, provenance.py; contact.py, the sheet
    finishing.py     writes all that after a run; links.py rewrites links, verifying.py hashes everything again
    planning.py      what is told before a run; example.py, the recipe to start from

A recipe says what the tokens are, a job what has to be painted, the ledger what is done.
"""
