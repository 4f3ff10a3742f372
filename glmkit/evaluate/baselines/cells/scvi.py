"""Baselines that predict one modality from another by totalVI and MultiVI; the extra ``cells`` installs them.

Both are probabilistic models of raw counts. They are given what the task allows: both modalities of the training cells, and the input
modality of the cells to predict. The latter are part of the training, with their other modality declared missing. A prediction thus
trains a model, which takes minutes where ridge regression takes a second. The other baselines do not use the inputs of test cells in
training. This is the intended use of these two models, and their descriptions state it.

References
----------
Gayoso A et al. (2021). Joint probabilistic modeling of single-cell multi-omic data with totalVI. Nature Methods 18, 272-282.
Ashuach T et al. (2023). MultiVI: deep generative model for the integration of multimodal data. Nature Methods 20, 1222-1231.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from glmkit.errors import BadInput
from glmkit.evaluate.baselines.cells.features import CellRows, check_counts
from glmkit.evaluate.method import check_fitted
from glmkit.extras import need

if TYPE_CHECKING:
    from anndata import AnnData

KNOWN, WANTED = "known", "wanted"


class _Joint:
    """The common part of both: the cells with both modalities, and a network that is trained for each prediction."""

    name = ""
    description = ""
    random = True

    def __init__(self, source: "AnnData", target: "AnnData", features: int, epochs: int) -> None:
        if not source.obs_names.equals(target.obs_names):
            raise BadInput(f"{self.name}: both modalities need the same cells in the same order.")
        need("scvi", "scvi-tools")
        self.cells, self.features, self.epochs = CellRows(source), features, epochs
        self._source = sparse.csr_matrix(check_counts(source), dtype=np.float32)
        self._target = sparse.csr_matrix(check_counts(target), dtype=np.float32)
        self.outputs = [str(name) for name in target.var_names]
        self._names: list[Any] = []

    def fit(self, names: Sequence[Any], labels: np.ndarray, seed: int = 0) -> Any:
        """Keep the training cells, whose counts are looked up; the values themselves are not used."""
        labels = np.asarray(labels)
        if labels.shape != (len(names), len(self.outputs)):
            raise BadInput(f"{self.name}: expected values ({len(names)}, {len(self.outputs)}), got {labels.shape}.")
        self._names, self._seed = list(names), seed
        return self

    def score(self, names: Sequence[Any]) -> np.ndarray:
        """Predicted values, float64 (n, outputs); each call trains a network on the training cells and these."""
        check_fitted(self, self._names or None)
        if common := set(self._names) & set(names):
            raise BadInput(f"{self.name}: {len(common)} cells to predict are training cells, such as {min(map(str, common))!r}.")
        need("scvi", "scvi-tools").settings.seed = self._seed
        chosen = self.cells.variable_genes(self._names, self.features)
        rows = np.r_[self.cells.rows(self._names), self.cells.rows(names)]
        known = np.arange(len(rows)) < len(self._names)
        target = sparse.diags(known.astype(np.float32)) @ self._target[rows]  # zeros for the cells to predict
        return self.predict(self._source[rows][:, chosen], target.tocsr(), known)

    def predict(self, source: Any, target: Any, known: np.ndarray) -> np.ndarray:
        """Train on all rows and predict `target` where it is missing."""
        raise NotImplementedError

    def _train(self, model: Any, **settings: Any) -> None:
        model.train(max_epochs=self.epochs, early_stopping=False, enable_progress_bar=False, **settings)


class TotalVI(_Joint):
    """RNA to surface protein by totalVI; predictions are centred log-ratios of the expected counts.

    Parameters
    ----------
    source
        RNA counts of all cells of the task.
    target
        Protein counts of the same cells; those of the cells to predict are not used.
    genes
        Number of most variable genes of the training cells.
    epochs
        Number of training epochs.
    """

    name = "totalVI"

    def __init__(self, source: "AnnData", target: "AnnData", genes: int = 2000, epochs: int = 200) -> None:
        super().__init__(source, target, genes, epochs)
        self.description = f"totalVI, {epochs} epochs on training cells and the RNA of test cells"

    def predict(self, source: Any, target: Any, known: np.ndarray) -> np.ndarray:
        """Train on all rows and predict `target` where it is missing."""
        import anndata

        totalvi = need("scvi.model", "scvi-tools").TOTALVI
        joint = anndata.AnnData(source, obs=_sides(known))
        joint.obsm["protein"] = pd.DataFrame(target.toarray(), index=joint.obs_names, columns=self.outputs)
        totalvi.setup_anndata(joint, protein_expression_obsm_key="protein", batch_key="side")
        model = totalvi(joint)
        self._train(model)
        _, protein = model.get_normalized_expression(
            indices=np.flatnonzero(~known), transform_batch=KNOWN, n_samples=10, include_protein_background=True, return_mean=True
        )
        logs = np.log1p(np.asarray(protein, dtype=np.float64))
        return logs - logs.mean(1, keepdims=True)


class MultiVI(_Joint):
    """RNA to accessibility, or back, by MultiVI; predictions are expected accessibilities or expression.

    Parameters
    ----------
    source
        Counts of the input modality, of all cells of the task.
    target
        Counts of the other modality of the same cells; those of the cells to predict are not used.
    to
        Modality of `target`: ``atac`` or ``rna``.
    features
        Number of most variable features of `source`.
    epochs
        Number of training epochs.
    rate, batch
        Learning rate and number of cells of a training step. The package's defaults (0.0001 and 128) are for tens of thousands of
        cells; with hundreds they hardly change the network.
    """

    name = "MultiVI"

    def __init__(
        self,
        source: "AnnData",
        target: "AnnData",
        to: Literal["atac", "rna"] = "atac",
        features: int = 4000,
        epochs: int = 200,
        rate: float = 2e-3,
        batch: int = 64,
    ) -> None:
        if to not in {"atac", "rna"}:
            raise BadInput(f"to: expected atac or rna, got {to!r}.")
        super().__init__(source, target, features, epochs)
        self.to, self.rate, self.batch = to, rate, batch
        self.description = f"MultiVI, {epochs} epochs at rate {rate:g} on training cells and the input of test cells"

    def predict(self, source: Any, target: Any, known: np.ndarray) -> np.ndarray:
        """Train on all rows and predict `target` where it is missing."""
        import anndata
        import mudata

        multivi = need("scvi.model", "scvi-tools").MULTIVI
        genes, peaks = (source, target) if self.to == "atac" else (target, source)
        parts = {name: anndata.AnnData(x, obs=_sides(known)[[]]) for name, x in (("rna", genes), ("atac", peaks))}
        for name, part in parts.items():
            part.var_names = [f"{name} {i}" for i in range(part.n_vars)]
        joint = mudata.MuData(parts)
        multivi.setup_mudata(joint, modalities={"rna_layer": "rna", "atac_layer": "atac"})  # a row of zeros is a missing modality
        model = multivi(joint, n_genes=genes.shape[1], n_regions=peaks.shape[1])
        self._train(model, lr=self.rate, batch_size=self.batch)
        wanted = np.flatnonzero(~known)
        if self.to == "atac":
            return np.asarray(model.get_normalized_accessibility(indices=wanted, return_numpy=True), dtype=np.float64)
        return np.log1p(np.asarray(model.get_normalized_expression(indices=wanted, return_numpy=True), dtype=np.float64) * 1e4)


def _sides(known: np.ndarray) -> pd.DataFrame:
    sides = pd.Categorical(np.where(known, KNOWN, WANTED), categories=[KNOWN, WANTED])
    return pd.DataFrame({"side": sides}, index=[f"row {i}" for i in range(len(known))])
