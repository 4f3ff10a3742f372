"""Reading frame of every base, as per-base labels for training.

There are seven classes: 0 for bases that encode no protein, 1 to 3 for the first, second and third base of a codon on the forward
strand, 4 to 6 for those on the reverse strand. Bases whose class the annotation leaves undetermined get -1 and are not scored, so
that no contradictory labels are trained on.
"""

import numpy as np

from glmkit.bio import DataReport, Feature, Record

FRAMES = ("noncoding", "+1", "+2", "+3", "-1", "-2", "-3")  # names of the classes
OTHER_STRAND = (0, 4, 5, 6, 1, 2, 3)  # class of each base on the reverse complement


def coding_frames(record: Record, report: DataReport | None = None) -> np.ndarray:
    """Label each base with its codon position in an annotated CDS.

    The frame is counted back from the stop codon, which is also correct for genes that are truncated at their 5' end. If the 3'
    end is missing, the frame is counted from ``/codon_start``. Introns and RNA genes are class 0. Class -1 is assigned to

    - pseudogenes (CDS or gene), and CDS whose parts are not known to be joined (``order``);
    - CDS with a change of frame (``/ribosomal_slippage``, or a base read twice) or altered by the annotator
      (``/artificial_location``);
    - CDS that are complete at both ends but not a whole number of codons;
    - bases of two CDS in different frames or on different strands (in the same frame they keep their class).

    Parameters
    ----------
    record
        Annotated record.
    report
        Report that counts the features of class -1 (``frame_pseudo``, ``frame_unknown``) and ``frame_overlap_bases``.

    Returns
    -------
    numpy.ndarray
        Index into `FRAMES`, or -1, int64 (length,).

    Examples
    --------
    >>> from glmkit.bio import Feature, Interval, Location, Record
    >>> from glmkit.data.windows import coding_frames
    >>> gene = Feature("CDS", Location((Interval("c1", 2, 11, 1),), "c1"), {})
    >>> coding_frames(Record("c1", "GGATGAAATAACC", features=(gene,))).tolist()
    [0, 0, 1, 2, 3, 1, 2, 3, 1, 2, 3, 0, 0]
    """
    report = DataReport() if report is None else report
    labels = np.zeros(len(record.sequence), np.int64)
    overlap = np.zeros(len(labels), bool)
    unknown: list[np.ndarray] = []
    for feature in record.features:
        if feature.kind not in {"CDS", "gene"} or (feature.kind == "gene" and not feature.pseudo):
            continue
        location = feature.location
        bases = np.concatenate([_bases(part.start, part.end, part.strand) for part in _local(feature, record)] or [labels[:0]])
        if feature.pseudo or location.remote or location.ordered or not _one_frame(feature, bases):
            where = f"{record.id}:{location.parts[0].start}-{location.parts[0].end}"
            report.count("frame_pseudo" if feature.pseudo else "frame_unknown", where=where)
            unknown.append(bases)
            continue
        first = 1 - feature.codon_start if location.partial_3 else -len(location)
        strands = np.repeat([part.strand for part in location.parts], [len(part) for part in location.parts])
        found = (first + np.arange(len(bases))) % 3 + np.where(strands < 0, 4, 1)
        overlap[bases] |= (labels[bases] != 0) & (labels[bases] != found)
        labels[bases] = found
    labels[overlap] = -1
    for bases in unknown:
        labels[bases] = -1
    if overlap.any():
        report.count("frame_overlap_bases", int(overlap.sum()), where=record.id)
    return labels


def _local(feature: Feature, record: Record) -> list:
    return [part for part in feature.location.parts if part.reference == record.id]


def _bases(start: int, end: int, strand: int) -> np.ndarray:
    """Positions of a part in reading direction."""
    return np.arange(end - 1, start - 1, -1) if strand < 0 else np.arange(start, end)


def _one_frame(feature: Feature, bases: np.ndarray) -> bool:
    """Whether each base of a CDS is read once, in a frame determined by the location."""
    location = feature.location
    broken = not location.partial_5 and not location.partial_3 and len(location) % 3 != 0
    marked = {"ribosomal_slippage", "artificial_location"} & set(feature.qualifiers)
    return not broken and not marked and len(np.unique(bases)) == len(bases)
