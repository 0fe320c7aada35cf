"""How a paper is written in BibTeX."""

from __future__ import annotations


def article(key: str, author: str, title: str, where: str, year: int, eprint: str, doi: str = "") -> str:
    """One article; ``eprint`` is its arXiv number."""
    fields = [f"author = {{{author}}}", f"title = {{{{{title}}}}}", f"journal = {{{where}}}", f"year = {{{year}}}"]
    fields += [f"eprint = {{{eprint}}}", "archivePrefix = {arXiv}"] if eprint else []
    fields += [f"doi = {{{doi}}}"] if doi else []
    return f"@article{{{key},\n  " + ",\n  ".join(fields) + "\n}\n"
