"""Pages of the documentation that the code writes a part of."""


def between(text: str, begin: str, end: str, content: str, what: str) -> str:
    """`text` with what stands between the two marks replaced.  Raises ValueError when a mark is missing."""
    before, first, rest = text.partition(begin)
    _, last, after = rest.partition(end)
    if not first or not last:
        raise ValueError(f"there is no place for the {what}: write {begin} and {end}")
    return f"{before}{begin}\n{content}\n{end}{after}"
