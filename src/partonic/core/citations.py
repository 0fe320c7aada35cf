"""BibTeX of what a run used, by arXiv number or key."""

from __future__ import annotations

from collections.abc import Iterable

from partonic.core.bibtex import article
from partonic.core.errors import unknown
from partonic.core.papers import METHODS
from partonic.version import __version__

ENTRIES: dict[str, str] = {
    "arXiv:1902.05563": article(
        "Piscopo:2019txs",
        "Piscopo, Maria Laura and Spannowsky, Michael and Waite, Philip",
        "Solving differential equations with neural networks: Applications to the calculation of cosmological phase "
        "transitions",
        "Phys. Rev. D 100, 016002",
        2019,
        "1902.05563",
        "10.1103/PhysRevD.100.016002",
    ),
    "partonic": f"@software{{partonic,\n  author = {{{{The partonic developers}}}},\n"
    f"  title = {{{{partonic: machine learning for particle physics}}}},\n  version = {{{__version__}}}\n}}\n",
    "arXiv:2203.11601": article(
        "Bierlich:2022pfr",
        "Bierlich, Christian and others",
        "A comprehensive guide to the physics and usage of PYTHIA 8.3",
        "SciPost Phys. Codeb.",
        2022,
        "2203.11601",
        "10.21468/SciPostPhysCodeb.8",
    ),
    "arXiv:1404.5630": article(
        "Skands:2014pea",
        "Skands, Peter and Carrazza, Stefano and Rojo, Juan",
        "Tuning PYTHIA 8.1: the Monash 2013 Tune",
        "Eur. Phys. J. C 74, 3024",
        2014,
        "1404.5630",
        "10.1140/epjc/s10052-014-3024-y",
    ),
    "arXiv:1111.6097": article(
        "Cacciari:2011ma",
        "Cacciari, Matteo and Salam, Gavin P. and Soyez, Gregory",
        "FastJet User Manual",
        "Eur. Phys. J. C 72, 1896",
        2012,
        "1111.6097",
        "10.1140/epjc/s10052-012-1896-2",
    ),
    "arXiv:0802.1189": article(
        "Cacciari:2008gp",
        "Cacciari, Matteo and Salam, Gavin P. and Soyez, Gregory",
        "The anti-$k_t$ jet clustering algorithm",
        "JHEP 04, 063",
        2008,
        "0802.1189",
        "10.1088/1126-6708/2008/04/063",
    ),
    "arXiv:1307.6346": article(
        "deFavereau:2013fsa",
        "de Favereau, J. and others",
        "DELPHES 3, A modular framework for fast simulation of a generic collider experiment",
        "JHEP 02, 057",
        2014,
        "1307.6346",
        "10.1007/JHEP02(2014)057",
    ),
    "arXiv:1902.09914": article(
        "Kasieczka:2019dbj",
        "Butter, Anja and others",
        "The Machine Learning landscape of top taggers",
        "SciPost Phys. 7, 014",
        2019,
        "1902.09914",
        "10.21468/SciPostPhys.7.1.014",
    ),
    "arXiv:1810.05165": article(
        "Komiske:2018cqr",
        "Komiske, Patrick T. and Metodiev, Eric M. and Thaler, Jesse",
        "Energy Flow Networks: Deep Sets for Particle Jets",
        "JHEP 01, 121",
        2019,
        "1810.05165",
        "10.1007/JHEP01(2019)121",
    ),
    "arXiv:1701.08784": article(
        "Kasieczka:2017nvn",
        "Kasieczka, Gregor and Plehn, Tilman and Russell, Michael and Schell, Torben",
        "Deep-learning Top Taggers or The End of QCD?",
        "JHEP 05, 006",
        2017,
        "1701.08784",
        "10.1007/JHEP05(2017)006",
    ),
    "arXiv:1803.00107": article(
        "Macaluso:2018tck",
        "Macaluso, Sebastian and Shih, David",
        "Pulling Out All the Tops with Computer Vision and Deep Learning",
        "JHEP 10, 121",
        2018,
        "1803.00107",
        "10.1007/JHEP10(2018)121",
    ),
    "arXiv:1201.0490": article(
        "scikit-learn",
        "Pedregosa, F. and others",
        "Scikit-learn: Machine Learning in Python",
        "J. Mach. Learn. Res. 12, 2825",
        2011,
        "1201.0490",
    ),
    "arXiv:1609.06119": article(
        "Keck:2017gsv",
        "Keck, Thomas",
        "FastBDT: A Speed-Optimized Multivariate Classification Algorithm for the Belle II Experiment",
        "Comput. Softw. Big Sci. 1, 2",
        2017,
        "1609.06119",
        "10.1007/s41781-017-0002-8",
    ),
    "arXiv:1912.01703": "@inproceedings{Paszke:2019xhz,\n  author = {Paszke, Adam and others},\n"
    "  title = {{PyTorch: An Imperative Style, High-Performance Deep Learning Library}},\n"
    "  booktitle = {Advances in Neural Information Processing Systems 32},\n  year = {2019},\n"
    "  eprint = {1912.01703},\n  archivePrefix = {arXiv}\n}\n",
    "arXiv:1402.2657": article(
        "Larkoski:2014wba",
        "Larkoski, Andrew J. and Marzani, Simone and Soyez, Gregory and Thaler, Jesse",
        "Soft Drop",
        "JHEP 05, 146",
        2014,
        "1402.2657",
        "10.1007/JHEP05(2014)146",
    ),
    "arXiv:1011.2268": article(
        "Thaler:2010tr",
        "Thaler, Jesse and Van Tilburg, Ken",
        "Identifying Boosted Objects with N-subjettiness",
        "JHEP 03, 015",
        2011,
        "1011.2268",
        "10.1007/JHEP03(2011)015",
    ),
    "arXiv:1305.0007": article(
        "Larkoski:2013eya",
        "Larkoski, Andrew J. and Salam, Gavin P. and Thaler, Jesse",
        "Energy Correlation Functions for Jet Substructure",
        "JHEP 06, 108",
        2013,
        "1305.0007",
        "10.1007/JHEP06(2013)108",
    ),
    "arXiv:2106.08869": article(
        "Apolinario:2021olp",
        "Apolin{\\'a}rio, L. and Castro, N. F. and Crispim Rom{\\~a}o, M. and Milhano, J. G. and Pedro, R. and "
        "Peres, F. C. R.",
        "Deep Learning for the Classification of Quenched Jets",
        "JHEP 11, 219",
        2021,
        "2106.08869",
        "10.1007/JHEP11(2021)219",
    ),
    "arXiv:1807.04758": article(
        "Dreyer:2018nbf",
        "Dreyer, Fr{\\'e}d{\\'e}ric A. and Salam, Gavin P. and Soyez, Gr{\\'e}gory",
        "The Lund Jet Plane",
        "JHEP 12, 064",
        2018,
        "1807.04758",
        "10.1007/JHEP12(2018)064",
    ),
    "arXiv:2202.03772": "@inproceedings{Qu:2022mxj,\n  author = {Qu, Huilin and Li, Congqiao and Qian, Sitian},\n"
    "  title = {{Particle Transformer for Jet Tagging}},\n  booktitle = {Proceedings of the 39th International "
    "Conference on Machine Learning},\n  year = {2022},\n  eprint = {2202.03772},\n  archivePrefix = {arXiv}\n}\n",
    "arXiv:2008.10519": article(
        "Bols:2020bkb",
        "Bols, Emil and Kieseler, Jan and Verzetti, Mauro and Stoye, Markus and Stakia, Anna",
        "Jet Flavour Classification Using DeepJet",
        "JINST 15, P12012",
        2020,
        "2008.10519",
        "10.1088/1748-0221/15/12/P12012",
    ),
    "arXiv:1211.4462": article(
        "CMS:2012feb",
        "{CMS collaboration}",
        "Identification of b-Quark Jets with the CMS Experiment",
        "JINST 8, P04013",
        2013,
        "1211.4462",
        "10.1088/1748-0221/8/04/P04013",
    ),
    "arXiv:1704.08249": article(
        "Datta:2017rhs",
        "Datta, Kaustuv and Larkoski, Andrew",
        "How Much Information is in a Jet?",
        "JHEP 06, 073",
        2017,
        "1704.08249",
        "10.1007/JHEP06(2017)073",
    ),
    "arXiv:1702.00748": article(
        "Louppe:2017ipp",
        "Louppe, Gilles and Cho, Kyunghyun and Becot, Cyril and Cranmer, Kyle",
        "QCD-Aware Recursive Neural Networks for Jet Physics",
        "JHEP 01, 057",
        2019,
        "1702.00748",
        "10.1007/JHEP01(2019)057",
    ),
    "arXiv:1711.09059": article(
        "Egan:2017ojy",
        "Egan, Shannon and Fedorko, Wojciech and Lister, Alison and Pearkes, Jannicke and Gay, Colin",
        "Long Short-Term Memory (LSTM) networks with jet constituents for boosted top tagging at the LHC",
        "arXiv preprint",
        2017,
        "1711.09059",
    ),
    "arXiv:1812.09722": article(
        "Erdmann:2018shi",
        "Erdmann, Martin and Geiser, Erik and Rath, Yannik and Rieger, Marcel",
        "Lorentz Boost Networks: Autonomous Physics-Inspired Feature Engineering",
        "JINST 14, P06006",
        2019,
        "1812.09722",
        "10.1088/1748-0221/14/06/P06006",
    ),
    "arXiv:1707.08966": article(
        "Butter:2017cot",
        "Butter, Anja and Kasieczka, Gregor and Plehn, Tilman and Russell, Michael",
        "Deep-learned Top Tagging with a Lorentz Layer",
        "SciPost Phys. 5, 028",
        2018,
        "1707.08966",
        "10.21468/SciPostPhys.5.3.028",
    ),
    **METHODS,
}


def bibtex(keys: Iterable[str]) -> str:
    """BibTeX of the keys, each once, in order.

    Raises:
        UnknownNameError: there is no entry for a key.
    """
    wanted = list(dict.fromkeys(keys))
    for key in wanted:
        if key not in ENTRIES:
            raise unknown("citation", key, ENTRIES)
    return "\n".join(ENTRIES[key] for key in wanted)
