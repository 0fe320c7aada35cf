"""What a refused command looks like."""


def refused(code: int, said: str, *words: str) -> str:
    """Exit code 2 and, after other lines perhaps, one sentence that holds the words; gives the sentence."""
    assert code == 2, said
    assert "Traceback" not in said, said
    sentence = said.strip().splitlines()[-1]
    assert sentence.startswith("partonic: "), said
    for word in words:
        assert word in sentence, sentence
    return sentence
