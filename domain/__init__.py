"""The business of a distribution company's hotline.  Knows nothing of telephones.

`model` and `rules` are pure; `commands` name what any channel may ask; `handlers` answer them, one each; `calls`
keeps the calls and their journals; `store` is the way to the database, `tables` its shape, `migrations` its past.
Nothing outside this package knows SQLAlchemy.
"""
