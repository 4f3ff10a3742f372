"""Published vocabularies: the table of text, the pickled dictionaries, and pairs that do not belong together."""

import gzip
import pickle  # noqa: TID251 (to write files like the published ones)
from pathlib import Path

import numpy as np
import pytest

from glmkit.errors import BadInput
from glmkit.tokens import rank_tokenizer_from

HEAD = "ensembl_id\tsymbol\ttoken\tnonzero_median\n"
V1 = HEAD + "<pad>\t\t0\t\n<mask>\t\t1\t\nENSG3\tTP53\t2\t1.5\nENSG1\t\t3\t0.25\n"


def write_folder(folder: Path, tokens: dict, medians: dict, names: dict | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    for name, value in (
        ("token_dictionary_gc104M", tokens),
        ("gene_median_dictionary_gc104M", medians),
        ("gene_name_id_dict_gc104M", names),
    ):
        if value is not None:
            (folder / f"{name}.pkl").write_bytes(pickle.dumps(value))
    return folder


@pytest.mark.parametrize("packed", [True, False])
def test_a_table(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "genes.tsv"
    path.write_bytes(gzip.compress(V1.encode()) if packed else V1.encode())
    rank = rank_tokenizer_from(path)
    assert rank.vocabulary == ("<pad>", "<mask>", "ENSG3", "ENSG1")
    assert rank.medians.tolist() == [1.5, 0.25]
    assert rank.symbols == {"ENSG3": "TP53"}
    assert (rank.layout, rank.length) == ("v1", 2048)


def test_pickled_dictionaries(tmp_path: Path) -> None:
    special = {"<pad>": 0, "<mask>": 1, "<cls>": 2, "<eos>": 3}
    medians = {"ENSG7": np.float64(2.5), "ENSG2": 1, "ENSG9": 4.0}
    folder = write_folder(tmp_path / "v2", special | {"ENSG2": 5, "ENSG7": 4}, medians, {"ACTB": "ENSG7", "B-ACTIN": "ENSG7"})
    rank = rank_tokenizer_from(folder)
    assert (rank.layout, rank.length, rank.genes) == ("v2", 4096, ("ENSG7", "ENSG2"))
    assert rank.medians.tolist() == [2.5, 1.0]
    assert rank.symbols == {"ENSG7": "ACTB"}
    first = write_folder(tmp_path / "v1", {"<pad>": 0, "<mask>": 1, "ENSG2": 2}, medians)
    assert rank_tokenizer_from(first).layout == "v1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n", "line 1: expected the columns ensembl_id symbol token nonzero_median"),
        (V1 + "ENSG4\tX\t4\n", "line 6: expected a gene, a symbol, an integer token and a median"),
        (V1 + "ENSG4\tX\tfour\t1.0\n", "line 6: expected a gene"),
        (V1 + "ENSG3\tTP53\t4\t1.0\n", "line 6: 'ENSG3' is repeated"),
        (V1 + "ENSG4\tX\t5\t1.0\n", "'ENSG4' has 5, not 4"),
        (V1 + "ENSG4\tX\t4\t\n", "1 of 3 genes with a token have no median \\(ENSG4"),
        (V1 + "ENSG4\tX\t4\tnan\n", "1 of 3 genes with a token have no median"),
        (V1.replace("<mask>", "<cls>"), "the special tokens <pad> <cls> match no layout"),
        (HEAD, "the special tokens \\(none\\) match no layout"),
        ("", "expected a table|no layout"),
    ],
)
def test_what_a_table_lacks_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "genes.tsv"
    path.write_text(text)
    with pytest.raises(BadInput, match=f"genes.tsv.*{words}"):
        rank_tokenizer_from(path)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    path = tmp_path / "genes.tsv.gz"
    path.write_bytes(gzip.compress(V1.encode())[:-12])
    with pytest.raises(BadInput, match=r"genes.tsv.gz cannot be read \(Compressed file ended"):
        rank_tokenizer_from(path)
    path.write_bytes(b"ensembl\xe9")
    with pytest.raises(BadInput, match="not UTF-8 text at byte 7"):
        rank_tokenizer_from(path)
    with pytest.raises(BadInput, match=r"absent.tsv cannot be read"):
        rank_tokenizer_from(tmp_path / "absent.tsv")


def test_dictionaries_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    tokens = {"<pad>": 0, "<mask>": 1, "ENSG1": 2}
    with pytest.raises(BadInput, match="has no file like token_dictionary"):
        rank_tokenizer_from(write_folder(tmp_path / "a", None, {"ENSG1": 1.0}))
    with pytest.raises(BadInput, match=r"1 of 1 genes with a token have no median .*of the same version of Geneformer"):
        rank_tokenizer_from(write_folder(tmp_path / "b", tokens, {"ENSG2": 1.0}))
    with pytest.raises(
        BadInput, match=r"expected an integer token of 'ENSG1', got 1.5. Check that this is not the file of the medians"
    ):
        rank_tokenizer_from(write_folder(tmp_path / "c", {"ENSG1": 1.5}, {"ENSG1": 1.0}))
    with pytest.raises(BadInput, match="expected a number as the median of 'ENSG1', got 'TP53'"):
        rank_tokenizer_from(write_folder(tmp_path / "d", tokens, {"ENSG1": "TP53"}))
    folder = write_folder(tmp_path / "e", tokens, {"ENSG1": 1.0})
    (folder / "token_dictionary.pkl").write_bytes(pickle.dumps(tokens))
    with pytest.raises(BadInput, match=r"has 2 files of one kind: token_dictionary.pkl, token_dictionary_gc104M.pkl"):
        rank_tokenizer_from(folder)
