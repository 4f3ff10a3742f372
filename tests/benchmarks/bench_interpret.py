"""Explanations against their peers: captum's integrated gradients and tangermeme's saturation mutagenesis, on equal weights.

``python tests/benchmarks/bench_interpret.py [steps]``. Integrated gradients run through ESM-2 8M with a mean-pooled head, beside captum's
`LayerIntegratedGradients` on `transformers`' ESM-2 with the same head: as a padded batch, and one protein at a time. Mutagenesis runs on a
small DNA classifier; tangermeme gets the same network behind a reading of one-hot windows. Results are compared first.
"""

import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from captum.attr import LayerIntegratedGradients
from peers import esm_pair, proteins
from scipy.stats import spearmanr
from tangermeme.saturation_mutagenesis import saturation_mutagenesis
from turns import Row, in_turns, protein_lengths, show

from glmkit.interpret import gradient_times_input, integrated_gradients, mutagenesis
from glmkit.interpret.attribution.target import followed
from glmkit.models import TransformerConfig, new_classifier, new_model
from glmkit.models.networks import pack
from glmkit.tokens import BaseTokenizer

CLOSE = 1e-4
WINDOW, LONG = 120, 400


def captum_on_transformers(esm: Any, classifier: Any, chosen: list[str], steps: int) -> list[np.ndarray]:
    """Shares of each residue by captum, the proteins padded to the longest of `chosen`; 16 points at a time."""
    tokenizer = classifier.tokenizer
    ids = [[*tokenizer.prefix, *tokenizer.encode(s).tolist(), *tokenizer.suffix] for s in chosen]
    longest = max(map(len, ids))
    tokens = torch.tensor([item + [tokenizer.pad_id] * (longest - len(item)) for item in ids])
    mask = (tokens != tokenizer.pad_id).long()
    letters = torch.zeros_like(mask)
    for row, item in enumerate(ids):
        letters[row, 1 : len(item) - 1] = 1

    def forward(tokens: torch.Tensor, mask: torch.Tensor, letters: torch.Tensor) -> torch.Tensor:
        """Log-odds of class 1, the head being glmkit's."""
        hidden = esm.esm(tokens, attention_mask=mask).last_hidden_state
        mean = (hidden * letters[..., None]).sum(1) / letters.sum(1, keepdim=True)
        logits = classifier.out(torch.tanh(classifier.dense(mean)))
        return logits[:, 1] - logits[:, 0]

    baselines = torch.where(letters.bool(), tokenizer.mask_id, tokens)
    explainer = LayerIntegratedGradients(forward, esm.esm.embeddings.word_embeddings)
    found = explainer.attribute(
        tokens, baselines, additional_forward_args=(mask, letters), n_steps=steps, internal_batch_size=16
    ).sum(-1)
    return [found[row, 1 : len(item) - 1].detach().numpy() for row, item in enumerate(ids)]


def checked(ours: np.ndarray, theirs: np.ndarray, what: str) -> float:
    """Largest difference relative to the largest value; the benchmark ends if the two sides disagree."""
    difference = float(np.nanmax(np.abs(ours - theirs)) / np.abs(theirs).max())
    if not difference <= CLOSE:
        raise SystemExit(f"{what}: the two sides differ by {difference:.1e}; no timing is worth printing.")
    return difference


def integrated(steps: int, turns: int) -> list[Row]:
    """Rows of integrated gradients."""
    model, esm = esm_pair("8M")
    classifier = new_classifier(model, ["no", "yes"], dropout=0.0, seed=3)
    chosen = proteins(protein_lengths(8))
    point = model.network.embedding.weight[model.tokenizer.mask_id].detach().numpy()

    def ours() -> np.ndarray:
        return integrated_gradients(classifier, chosen, baseline=point, steps=steps).values

    def padded() -> list[np.ndarray]:
        return captum_on_transformers(esm, classifier, chosen, steps)

    def one_by_one() -> list[np.ndarray]:
        return [captum_on_transformers(esm, classifier, [protein], steps)[0] for protein in chosen]

    found, beside = ours(), padded()
    difference = max(checked(a[: len(b)], b, "integrated gradients") for a, b in zip(found, beside, strict=True))
    mine, batch, single = in_turns(ours, padded, one_by_one, turns=turns, warm=False)
    classifier.network.to(torch.bfloat16)  # the head stays in float32; it comes last, for it changes the model

    def rough() -> np.ndarray:
        return integrated_gradients(classifier, chosen, baseline=point, steps=steps).values

    known = ~np.isnan(found)
    agree = spearmanr(found[known], rough()[known]).statistic
    (fast,) = in_turns(rough, turns=turns, warm=False)
    work, lengths = f"integrated gradients, ESM-2 8M, {steps} steps", ", ".join(str(len(p)) for p in chosen)
    return [
        Row(f"{work}, float32", "captum, padded batch", batch / mine, 2.0, f"differ by {difference:.0e}; residues: {lengths}"),
        Row(f"{work}, float32", "captum, one protein at a time", single / mine, 2.0),
        Row(f"{work}, bf16", "captum, padded batch", batch / fast, 2.0, f"Spearman with float32 {agree:.3f}"),
    ]


class OneHot(torch.nn.Module):
    """A classifier of ids as what tangermeme explains: one-hot windows to a score."""

    def __init__(self, classifier: Any) -> None:
        super().__init__()
        self.classifier, self.read = classifier, followed(classifier)
        self.ids = torch.from_numpy(classifier.tokenizer.letter_ids.astype(np.int64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Log-odds (n, 1) of windows (n, 4, length)."""
        tokens, boundaries = pack(list(self.ids[x.argmax(1)].numpy()))
        return self.read(self.classifier(tokens, boundaries))[:, None]


def local(turns: int) -> list[Row]:
    """The row of mutagenesis in a network that mixes locally."""
    shape = TransformerConfig(
        vocabulary_size=10, width=32, layers=2, heads=4, feedforward=128, mixing=("convolution", "local"), kernel=9, window=8
    )
    classifier = new_classifier(new_model(shape, BaseTokenizer(), seed=1), ["no", "yes"], dropout=0.0, seed=2)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():  # larger weights, so that effects stand above the rounding of scores
        for parameter in classifier.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    window = "".join(np.random.default_rng(0).choice(list("ACGT"), LONG))
    difference = checked(mutagenesis(classifier, [window]), by_tangermeme(classifier, window), "local mutagenesis")
    mine, slow = in_turns(
        lambda: mutagenesis(classifier, [window]), lambda: by_tangermeme(classifier, window), turns=turns, warm=False
    )
    work = f"mutagenesis of {LONG} bases, local mixing"
    return [Row(work, "tangermeme", slow / mine, 2.0, f"differ by {difference:.0e}")]


def by_tangermeme(classifier: Any, window: str) -> np.ndarray:
    """Effects of every substitution, (1, length, 4)."""
    one_hot = torch.tensor([[[float(letter == base) for base in window] for letter in "ACGT"]])
    before, after = saturation_mutagenesis(OneHot(classifier).eval(), one_hot, device="cpu", raw_outputs=True)
    return (after[..., 0] - before[:, None]).numpy().transpose(0, 2, 1)


def substitutions(turns: int) -> list[Row]:
    """Rows of mutagenesis."""
    shape = TransformerConfig(vocabulary_size=10, width=128, layers=4, heads=4, feedforward=512)
    classifier = new_classifier(new_model(shape, BaseTokenizer(), seed=1), ["no", "yes"], dropout=0.0, seed=2)
    window = "".join(np.random.default_rng(0).choice(list("ACGT"), WINDOW))

    def theirs() -> np.ndarray:
        return by_tangermeme(classifier, window)

    def ours() -> np.ndarray:
        return mutagenesis(classifier, [window])

    def often(run: Callable[[], Any], times: int = 20) -> Callable[[], None]:
        def repeated() -> None:
            for _ in range(times):
                run()

        return repeated

    exact = ours()
    difference = checked(exact, theirs(), "mutagenesis")
    guess = gradient_times_input(classifier, [window]).letters
    here = np.array(["ACGT".index(base) for base in window])
    first_order = guess - np.take_along_axis(guess, here[None, :, None], 2)
    agree = spearmanr(exact[exact != 0], first_order[exact != 0]).statistic
    mine, slow = in_turns(ours, theirs, turns=turns, warm=False)
    (quick,) = in_turns(often(lambda: gradient_times_input(classifier, [window])), turns=turns)
    work = f"of {WINDOW} bases, 4 layers, width 128"
    return [
        Row(f"mutagenesis {work}", "tangermeme", slow / mine, 1.0, f"differ by {difference:.0e}"),
        Row(
            f"gradient times input {work}",
            "our mutagenesis",
            20 * mine / quick,
            20.0,
            f"an approximation: Spearman with the exact effects {agree:.3f}",
        ),
    ]


def main(steps: int, turns: int) -> None:
    """Print the table."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", category=UserWarning)
    show([*substitutions(turns), *local(turns), *integrated(steps, turns)])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20, int(sys.argv[2]) if len(sys.argv) > 2 else 5)
