"""Many paintings: collections of unique tokens with their metadata, and folders painted in one go.

    recipe.py        what a collection may be; reading.py reads it, with toml_lines.py and complaints.py
    checking.py      finds what cannot be, before anything is painted
    chance.py        numbers from a seed and names; combinations.py counts what rules allow; drawing.py draws tokens
    tokens.py        from a token to its job; folder.py, a folder of pictures as jobs
    jobs.py          one painting of many, as it is handed to a worker, and what comes back
    painting.py      what a worker does with it; digests.py, what decides a painting's bytes
    pools.py         who paints: processes of this machine (worker.py); ray_pool.py has those of many
    ledger.py        what is done
    running.py       the driver: hands out jobs, and alone writes files and ledger
    derived.py       what is made without painting: metadata.py, rarity.py, provenance.py; contact.py, the sheet
    finishing.py     writes all that after a run; links.py rewrites links, verifying.py hashes everything again
    planning.py      what is told before a run; example.py, the recipe to start from

A recipe says what the tokens are, a job what has to be painted, the ledger what is done.
"""
