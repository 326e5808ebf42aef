"""The business of a distribution company's hotline.  Knows nothing of telephones.

`model` and `rules` are pure; `commands` name what any channel may ask; `handlers` answer them, one each;
`store` is the only place that knows SQLAlchemy.
"""
