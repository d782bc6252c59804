"""Where our engine's processor time goes: detection, crops, recognition, and the rest.

The stages are functions of the engine's modules, found by name in a profile; an engine that has none of them has no
such profile.
"""

from __future__ import annotations

import cProfile
import pstats
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.ocr import engines
from tests.bench.ocr.data import load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.ocr.data import Sample

__all__ = ["shares"]

_STAGES = {
    ("detector.py", "find"): "detection",
    ("strips.py", "cut_strips"): "crops",
    ("recogniser.py", "read"): "recognition",
}


def shares(name: str, samples: Sequence[Sample]) -> dict[str, float]:
    """Seconds a page by stage, one thread, the engine warm; empty where the engine does not show its stages."""
    reader = engines.create(name, threads=1)
    pictures = [load(sample)[0] for sample in samples]
    reader.read(pictures[0])
    profile = cProfile.Profile(time.process_time)
    began = time.process_time()
    profile.enable()
    for picture in pictures:
        reader.read(picture)
    profile.disable()
    total = time.process_time() - began
    stages: Counter[str] = Counter()
    for (file, _, function), (_, _, _, seconds, _) in pstats.Stats(profile).stats.items():
        if stage := _STAGES.get((Path(file).name, function)):
            stages[stage] += seconds
    if not stages:
        return {}
    stages["the rest"] = total - stages.total()
    return {stage: seconds / len(pictures) for stage, seconds in stages.items()}
