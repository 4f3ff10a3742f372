"""The reading frame of every base: what a network that knows genes would say along a sequence.

Seven classes: 0 where no protein is encoded, 1 to 3 for the first, second and third base of a codon on the forward strand, 4
to 6 for those on the reverse strand. A base whose class the annotation leaves open gets -1 and is not scored; it is better
to lose a few than to teach a contradiction.
"""

import numpy as np

from glmkit.bio import DataReport, Feature, Record

FRAMES = ("noncoding", "+1", "+2", "+3", "-1", "-2", "-3")  # names of the classes
OTHER_STRAND = (0, 4, 5, 6, 1, 2, 3)  # what each class is called when the other strand is read


def coding_frames(record: Record, report: DataReport | None = None) -> np.ndarray:
    """Label each base with the codon position it has in an annotated CDS.

    The frame is counted back from the stop codon, which also holds for genes that are cut off at their 5' end; only where
    the 3' end is the missing one, it is counted from ``/codon_start``. Introns and RNA genes are class 0. Class -1 have

    - pseudogenes (CDS or gene), and CDS whose parts are not known to be joined (``order``);
    - CDS with a change of frame (``/ribosomal_slippage``, or a base read twice) or patched by the annotator
      (``/artificial_location``);
    - CDS that are complete at both ends and yet not a whole number of codons;
    - bases that two CDS claim in different frames or on different strands (in the same frame they keep their class).

    Parameters
    ----------
    record
        An annotated record.
    report
        Counts the features that gave -1: ``frame_pseudo``, ``frame_unknown``; and ``frame_overlap_bases``.

    Returns
    -------
    numpy.ndarray
        int64 (length,): a class of `FRAMES`, or -1.
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
    """Positions of a part in the direction of reading."""
    return np.arange(end - 1, start - 1, -1) if strand < 0 else np.arange(start, end)


def _one_frame(feature: Feature, bases: np.ndarray) -> bool:
    """Whether each base of a CDS is read once and in a frame that the location tells."""
    location = feature.location
    broken = not location.partial_5 and not location.partial_3 and len(location) % 3 != 0
    marked = {"ribosomal_slippage", "artificial_location"} & set(feature.qualifiers)
    return not broken and not marked and len(np.unique(bases)) == len(bases)
