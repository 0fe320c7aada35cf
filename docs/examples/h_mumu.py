"""A process: the Higgs boson to a pair of muons."""

from partonic.simulators.processes import Process

H_MUMU = Process(
    name="h-mumu",
    description="gluon fusion to a Higgs boson to muons",
    settings=("HiggsSM:gg2H=on", "25:m0=125.0", "25:onMode=off", "25:onIfAny=13"),
    level="events",
    label=19,
)
