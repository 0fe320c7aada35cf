"""From trainings to what a page shows of them: scores of the test jets, kept on disk, and histories."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from partonic.core.result import Result
from partonic.events.events import Events
from partonic.fit.tagger import Training, parameter_count, scoring_rate
from partonic.fit.trials import kept_scores, scores_file
from partonic.report import plots
from partonic.report.tagging import Tagger


def scored(
    result: Result, name: str, trainings: Sequence[Training], test: Events, device: str = "cpu", title: str = ""
) -> Tagger:
    """The test jets' scores of every training of a model, and how fast it gives them.

    Args:
        result: the run; scores are kept beside its checkpoints.
        name: of the model's files.
        trainings: from different random starts.
        test: jets to score.
        device: where to compute.
        title: what the page calls it; the name if empty.

    Returns:
        A tagger with scores (trainings, jets), or (trainings, jets, classes) of several classes.
    """
    shown = title or name
    scores = [
        kept_scores(scores_file(result.checkpoint(f"{name}-{number}")), training.trained, test, device)
        for number, training in enumerate(trainings, 1)
    ]
    histories = tuple(
        plots.Training(
            shown,
            [record["loss"] for record in training.history],
            [record["validation"] for record in training.history],
            training.best_epoch,
        )
        for training in trainings
        if training.history
    )
    first = trainings[0].trained
    seconds = float(np.mean([training.seconds for training in trainings]))
    rate = scoring_rate(first, test, device)
    return Tagger(shown, np.array(scores), parameter_count(first), rate, seconds, histories)
