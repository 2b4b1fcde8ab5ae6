"""Collections: a recipe becomes unique tokens, their jobs, and after painting their metadata.

Before painting
    recipe.py          what a recipe contains; recipe_kinds.py has its kinds of value
    reading.py         reads a recipe from TOML, with problems.py (all that is wrong) and toml_lines.py (on which line)
    checking.py        finds what cannot be painted
    rng.py             random numbers from a seed and names
    combinations.py    counts the combinations that the rules allow
    sampling.py        samples the traits of all tokens
    tokens.py          a token's settings, files and job
    planning.py        what `check` shows: rarity, and how long painting takes
    example.py         the recipe to start from

After painting
    finishing.py       writes everything that is not painted, with writing.py
    derived.py         that content: metadata.py, rarity.py, provenance.py
    contact.py         the contact sheet
    ledger_meta.py     what the ledger keeps of a collection besides its jobs
    links.py           rewrites links in the metadata
    verifying.py       hashes all files again
    schemas/           JSON Schemas of the metadata and of stroke files
"""
