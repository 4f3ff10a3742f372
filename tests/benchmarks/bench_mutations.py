"""All 5,700 substitutions of one protein of 300 residues under ESM-2 8M against fair-esm's ``predict.py``, which runs one pass a token.

The peer is its loop, written out, on fair-esm's own network with the same random weights. The scores are compared first.
"""

import numpy as np
import torch
from peers import esm_pair, fair_esm, proteins
from turns import Row, in_turns, show

from glmkit.score import landscape

TURNS = 5


def predict(model: object, ids: list[int], rows: list[int]) -> np.ndarray:
    """Log-probabilities (length, 33) by one pass a token, special tokens too, the last layer and head at every position."""
    tokens = torch.tensor(ids)[None]
    found = []
    with torch.no_grad():
        for place in rows:
            masked = tokens.clone()
            masked[0, place] = 32
            found.append(torch.log_softmax(model(masked)["logits"], -1)[0, place])
    return torch.stack(found).numpy()


def main(length: int = 300) -> None:
    """Print the table."""
    torch.set_num_threads(1)
    ours = esm_pair("8M")[0]
    theirs = fair_esm(ours)
    (protein,) = proteins(np.array([length]))
    tokenizer = ours.tokenizer
    ids = [*tokenizer.prefix, *tokenizer.encode(protein).tolist(), *tokenizer.suffix]
    columns = [tokenizer.vocabulary.index(letter) for letter in "ACDEFGHIKLMNPQRSTVWY"]
    found = landscape(ours, protein)
    chance = predict(theirs, ids, list(range(len(ids))))[1:-1]
    wild = np.take_along_axis(chance, np.array(ids[1:-1])[:, None], 1)
    difference = np.abs(found - (chance[:, columns] - wild)).max()
    if difference > 1e-4:
        raise SystemExit(f"The scores differ by {difference:.1e}; no timing is worth printing.")
    every = list(range(len(ids)))
    mine, slow = in_turns(lambda: landscape(ours, protein), lambda: predict(theirs, ids, every), turns=TURNS, warm=False)
    half = esm_pair("8M")[0].to(torch.bfloat16)
    rough = landscape(half, protein)
    ranks = [np.argsort(np.argsort(x.ravel())) for x in (rough, found)]
    agree = np.corrcoef(*ranks)[0, 1]
    (fast,) = in_turns(lambda: landscape(half, protein), turns=TURNS, warm=False)
    (once,) = in_turns(lambda: landscape(ours, protein, "wild-type marginals"), turns=TURNS, warm=False)
    peer = "fair-esm predict.py, one pass a token"
    show(
        [
            Row("masked marginals of 300 residues, float32", peer, slow / mine, 2.0, f"largest difference {difference:.0e} nats"),
            Row("masked marginals of 300 residues, bf16", peer, slow / fast, 2.2, f"Spearman with float32 {agree:.3f}"),
            Row("wild-type marginals (one pass, biased)", peer, slow / once, 200.0),
        ]
    )


if __name__ == "__main__":
    main()
