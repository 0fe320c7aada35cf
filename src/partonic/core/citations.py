"""BibTeX of what a run used, by arXiv number or key."""

from __future__ import annotations

from collections.abc import Iterable

from partonic.core.errors import unknown
from partonic.version import __version__


def _article(key: str, author: str, title: str, where: str, year: int, eprint: str, doi: str = "") -> str:
    fields = [f"author = {{{author}}}", f"title = {{{{{title}}}}}", f"journal = {{{where}}}", f"year = {{{year}}}"]
    fields += [f"eprint = {{{eprint}}}", "archivePrefix = {arXiv}"] if eprint else []
    fields += [f"doi = {{{doi}}}"] if doi else []
    return f"@article{{{key},\n  " + ",\n  ".join(fields) + "\n}\n"


ENTRIES: dict[str, str] = {
    "arXiv:1902.05563": _article(
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
    "arXiv:2203.11601": _article(
        "Bierlich:2022pfr",
        "Bierlich, Christian and others",
        "A comprehensive guide to the physics and usage of PYTHIA 8.3",
        "SciPost Phys. Codeb.",
        2022,
        "2203.11601",
        "10.21468/SciPostPhysCodeb.8",
    ),
    "arXiv:1404.5630": _article(
        "Skands:2014pea",
        "Skands, Peter and Carrazza, Stefano and Rojo, Juan",
        "Tuning PYTHIA 8.1: the Monash 2013 Tune",
        "Eur. Phys. J. C 74, 3024",
        2014,
        "1404.5630",
        "10.1140/epjc/s10052-014-3024-y",
    ),
    "arXiv:1111.6097": _article(
        "Cacciari:2011ma",
        "Cacciari, Matteo and Salam, Gavin P. and Soyez, Gregory",
        "FastJet User Manual",
        "Eur. Phys. J. C 72, 1896",
        2012,
        "1111.6097",
        "10.1140/epjc/s10052-012-1896-2",
    ),
    "arXiv:0802.1189": _article(
        "Cacciari:2008gp",
        "Cacciari, Matteo and Salam, Gavin P. and Soyez, Gregory",
        "The anti-$k_t$ jet clustering algorithm",
        "JHEP 04, 063",
        2008,
        "0802.1189",
        "10.1088/1126-6708/2008/04/063",
    ),
    "arXiv:1307.6346": _article(
        "deFavereau:2013fsa",
        "de Favereau, J. and others",
        "DELPHES 3, A modular framework for fast simulation of a generic collider experiment",
        "JHEP 02, 057",
        2014,
        "1307.6346",
        "10.1007/JHEP02(2014)057",
    ),
    "arXiv:1902.09914": _article(
        "Kasieczka:2019dbj",
        "Butter, Anja and others",
        "The Machine Learning landscape of top taggers",
        "SciPost Phys. 7, 014",
        2019,
        "1902.09914",
        "10.21468/SciPostPhys.7.1.014",
    ),
    "arXiv:1810.05165": _article(
        "Komiske:2018cqr",
        "Komiske, Patrick T. and Metodiev, Eric M. and Thaler, Jesse",
        "Energy Flow Networks: Deep Sets for Particle Jets",
        "JHEP 01, 121",
        2019,
        "1810.05165",
        "10.1007/JHEP01(2019)121",
    ),
    "arXiv:1701.08784": _article(
        "Kasieczka:2017nvn",
        "Kasieczka, Gregor and Plehn, Tilman and Russell, Michael and Schell, Torben",
        "Deep-learning Top Taggers or The End of QCD?",
        "JHEP 05, 006",
        2017,
        "1701.08784",
        "10.1007/JHEP05(2017)006",
    ),
    "arXiv:1803.00107": _article(
        "Macaluso:2018tck",
        "Macaluso, Sebastian and Shih, David",
        "Pulling Out All the Tops with Computer Vision and Deep Learning",
        "JHEP 10, 121",
        2018,
        "1803.00107",
        "10.1007/JHEP10(2018)121",
    ),
    "arXiv:1201.0490": _article(
        "scikit-learn",
        "Pedregosa, F. and others",
        "Scikit-learn: Machine Learning in Python",
        "J. Mach. Learn. Res. 12, 2825",
        2011,
        "1201.0490",
    ),
    "arXiv:1609.06119": _article(
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
    "arXiv:1402.2657": _article(
        "Larkoski:2014wba",
        "Larkoski, Andrew J. and Marzani, Simone and Soyez, Gregory and Thaler, Jesse",
        "Soft Drop",
        "JHEP 05, 146",
        2014,
        "1402.2657",
        "10.1007/JHEP05(2014)146",
    ),
    "arXiv:1011.2268": _article(
        "Thaler:2010tr",
        "Thaler, Jesse and Van Tilburg, Ken",
        "Identifying Boosted Objects with N-subjettiness",
        "JHEP 03, 015",
        2011,
        "1011.2268",
        "10.1007/JHEP03(2011)015",
    ),
    "arXiv:1305.0007": _article(
        "Larkoski:2013eya",
        "Larkoski, Andrew J. and Salam, Gavin P. and Thaler, Jesse",
        "Energy Correlation Functions for Jet Substructure",
        "JHEP 06, 108",
        2013,
        "1305.0007",
        "10.1007/JHEP06(2013)108",
    ),
    "arXiv:2106.08869": _article(
        "Apolinario:2021olp",
        "Apolin{\\'a}rio, L. and Castro, N. F. and Crispim Rom{\\~a}o, M. and Milhano, J. G. and Pedro, R. and "
        "Peres, F. C. R.",
        "Deep Learning for the Classification of Quenched Jets",
        "JHEP 11, 219",
        2021,
        "2106.08869",
        "10.1007/JHEP11(2021)219",
    ),
    "arXiv:1807.04758": _article(
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
    "arXiv:2008.10519": _article(
        "Bols:2020bkb",
        "Bols, Emil and Kieseler, Jan and Verzetti, Mauro and Stoye, Markus and Stakia, Anna",
        "Jet Flavour Classification Using DeepJet",
        "JINST 15, P12012",
        2020,
        "2008.10519",
        "10.1088/1748-0221/15/12/P12012",
    ),
    "arXiv:1211.4462": _article(
        "CMS:2012feb",
        "{CMS collaboration}",
        "Identification of b-Quark Jets with the CMS Experiment",
        "JINST 8, P04013",
        2013,
        "1211.4462",
        "10.1088/1748-0221/8/04/P04013",
    ),
    "arXiv:1704.08249": _article(
        "Datta:2017rhs",
        "Datta, Kaustuv and Larkoski, Andrew",
        "How Much Information is in a Jet?",
        "JHEP 06, 073",
        2017,
        "1704.08249",
        "10.1007/JHEP06(2017)073",
    ),
    "arXiv:1702.00748": _article(
        "Louppe:2017ipp",
        "Louppe, Gilles and Cho, Kyunghyun and Becot, Cyril and Cranmer, Kyle",
        "QCD-Aware Recursive Neural Networks for Jet Physics",
        "JHEP 01, 057",
        2019,
        "1702.00748",
        "10.1007/JHEP01(2019)057",
    ),
    "arXiv:1711.09059": _article(
        "Egan:2017ojy",
        "Egan, Shannon and Fedorko, Wojciech and Lister, Alison and Pearkes, Jannicke and Gay, Colin",
        "Long Short-Term Memory (LSTM) networks with jet constituents for boosted top tagging at the LHC",
        "arXiv preprint",
        2017,
        "1711.09059",
    ),
    "arXiv:1812.09722": _article(
        "Erdmann:2018shi",
        "Erdmann, Martin and Geiser, Erik and Rath, Yannik and Rieger, Marcel",
        "Lorentz Boost Networks: Autonomous Physics-Inspired Feature Engineering",
        "JINST 14, P06006",
        2019,
        "1812.09722",
        "10.1088/1748-0221/14/06/P06006",
    ),
    "arXiv:1707.08966": _article(
        "Butter:2017cot",
        "Butter, Anja and Kasieczka, Gregor and Plehn, Tilman and Russell, Michael",
        "Deep-learned Top Tagging with a Lorentz Layer",
        "SciPost Phys. 5, 028",
        2018,
        "1707.08966",
        "10.21468/SciPostPhys.5.3.028",
    ),
    "arXiv:1902.08570": _article(
        "Qu:2019gqs",
        "Qu, Huilin and Gouskos, Loukas",
        "ParticleNet: Jet Tagging via Particle Clouds",
        "Phys. Rev. D 101, 056019",
        2020,
        "1902.08570",
        "10.1103/PhysRevD.101.056019",
    ),
    "arXiv:2201.08187": _article(
        "Gong:2022lye",
        "Gong, Shiqi and Meng, Qi and Zhang, Jue and Qu, Huilin and Li, Congqiao and Qian, Sitian and "
        "Du, Weitao and Ma, Zhi-Ming and Liu, Tie-Yan",
        "An efficient Lorentz equivariant graph neural network for jet tagging",
        "JHEP 07, 030",
        2022,
        "2201.08187",
        "10.1007/JHEP07(2022)030",
    ),
    "arXiv:2307.16506": _article(
        "Bogatskiy:2023nnw",
        "Bogatskiy, Alexander and Hoffman, Timothy and Miller, David W. and Offermann, Jan T. and Liu, Xiaoyang",
        "Explainable equivariant neural networks for particle physics: PELICAN",
        "JHEP 03, 113",
        2024,
        "2307.16506",
        "10.1007/JHEP03(2024)113",
    ),
    "arXiv:2405.14806": _article(
        "Spinner:2024hjm",
        "Spinner, Jonas and Bres{\\'o}, Victor and de Haan, Pim and Plehn, Tilman and Thaler, Jesse and "
        "Brehmer, Johann",
        "Lorentz-Equivariant Geometric Algebra Transformers for High-Energy Physics",
        "Advances in Neural Information Processing Systems 37",
        2024,
        "2405.14806",
    ),
    "arXiv:2411.00446": _article(
        "Brehmer:2024yqw",
        "Brehmer, Johann and Bres{\\'o}, V{\\'i}ctor and de Haan, Pim and Plehn, Tilman and "
        "Qu, Huilin and Spinner, Jonas and Thaler, Jesse",
        "A Lorentz-Equivariant Transformer for All of the LHC",
        "SciPost Phys. 19, 108",
        2025,
        "2411.00446",
        "10.21468/SciPostPhys.19.4.108",
    ),
    "arXiv:2512.17011": _article(
        "Petitjean:2025zjf",
        'Petitjean, Antoine and Plehn, Tilman and Spinner, Jonas and K{\\"o}the, Ullrich',
        "Economical Jet Taggers -- Equivariant, Slim, and Quantized",
        "arXiv preprint",
        2025,
        "2512.17011",
    ),
    "arXiv:2012.08526": _article(
        "Dreyer:2020brq",
        "Dreyer, Fr{\\'e}d{\\'e}ric A. and Qu, Huilin",
        "Jet tagging in the Lund plane with graph networks",
        "JHEP 03, 052",
        2021,
        "2012.08526",
        "10.1007/JHEP03(2021)052",
    ),
    "arXiv:2105.08742": _article(
        "Ghosh:2021roe",
        "Ghosh, Aishik and Nachman, Benjamin and Whiteson, Daniel",
        "Uncertainty-aware machine learning for high energy physics",
        "Phys. Rev. D 104, 056026",
        2021,
        "2105.08742",
        "10.1103/PhysRevD.104.056026",
    ),
    "arXiv:1601.07913": _article(
        "Baldi:2016fzo",
        "Baldi, Pierre and Cranmer, Kyle and Faucett, Taylor and Sadowski, Peter and Whiteson, Daniel",
        "Parameterized neural networks for high-energy physics",
        "Eur. Phys. J. C 76, 235",
        2016,
        "1601.07913",
        "10.1140/epjc/s10052-016-4099-4",
    ),
    "arXiv:1007.1727": _article(
        "Cowan:2010js",
        "Cowan, Glen and Cranmer, Kyle and Gross, Eilam and Vitells, Ofer",
        "Asymptotic formulae for likelihood-based tests of new physics",
        "Eur. Phys. J. C 71, 1554",
        2011,
        "1007.1727",
        "10.1140/epjc/s10052-011-1554-0",
    ),
    "arXiv:1805.00013": _article(
        "Brehmer:2018kdj",
        "Brehmer, Johann and Cranmer, Kyle and Louppe, Gilles and Pavez, Juan",
        "Constraining Effective Field Theories with Machine Learning",
        "Phys. Rev. Lett. 121, 111801",
        2018,
        "1805.00013",
        "10.1103/PhysRevLett.121.111801",
    ),
    "arXiv:1805.00020": _article(
        "Brehmer:2018eca",
        "Brehmer, Johann and Cranmer, Kyle and Louppe, Gilles and Pavez, Juan",
        "A Guide to Constraining Effective Field Theories with Machine Learning",
        "Phys. Rev. D 98, 052004",
        2018,
        "1805.00020",
        "10.1103/PhysRevD.98.052004",
    ),
    "arXiv:1805.12244": _article(
        "Brehmer:2018hga",
        "Brehmer, Johann and Louppe, Gilles and Pavez, Juan and Cranmer, Kyle",
        "Mining gold from implicit models to improve likelihood-free inference",
        "Proc. Nat. Acad. Sci. 117, 5242",
        2020,
        "1805.12244",
        "10.1073/pnas.1915980117",
    ),
    "arXiv:1907.10621": _article(
        "Brehmer:2019xox",
        "Brehmer, Johann and Kling, Felix and Espejo, Irina and Cranmer, Kyle",
        "MadMiner: Machine learning-based inference for particle physics",
        "Comput. Softw. Big Sci. 4, 3",
        2020,
        "1907.10621",
        "10.1007/s41781-020-0035-2",
    ),
    "arXiv:1506.02169": _article(
        "Cranmer:2015bka",
        "Cranmer, Kyle and Pavez, Juan and Louppe, Gilles",
        "Approximating Likelihood Ratios with Calibrated Discriminative Classifiers",
        "arXiv preprint",
        2015,
        "1506.02169",
    ),
    "arXiv:2101.04653": _article(
        "Lueckmann:2021sbibm",
        "Lueckmann, Jan-Matthis and Boelts, Jan and Greenberg, David and Gon{\\c{c}}alves, Pedro and Macke, Jakob",
        "Benchmarking Simulation-Based Inference",
        "Proc. Mach. Learn. Res. 130, 343",
        2021,
        "2101.04653",
    ),
    "arXiv:1605.06376": _article(
        "Papamakarios:2016npe",
        "Papamakarios, George and Murray, Iain",
        "Fast epsilon-free Inference of Simulation Models with Bayesian Conditional Density Estimation",
        "Adv. Neural Inf. Process. Syst. 29",
        2016,
        "1605.06376",
    ),
    "arXiv:1805.07226": _article(
        "Papamakarios:2019nle",
        "Papamakarios, George and Sterratt, David and Murray, Iain",
        "Sequential Neural Likelihood: Fast Likelihood-free Inference with Autoregressive Flows",
        "Proc. Mach. Learn. Res. 89, 837",
        2019,
        "1805.07226",
    ),
    "arXiv:2002.03712": _article(
        "Durkan:2020nre",
        "Durkan, Conor and Murray, Iain and Papamakarios, George",
        "On Contrastive Learning for Likelihood-free Inference",
        "Proc. Mach. Learn. Res. 119, 2771",
        2020,
        "2002.03712",
    ),
    "arXiv:1804.06788": _article(
        "Talts:2018sbc",
        "Talts, Sean and Betancourt, Michael and Simpson, Daniel and Vehtari, Aki and Gelman, Andrew",
        "Validating Bayesian Inference Algorithms with Simulation-Based Calibration",
        "arXiv preprint",
        2018,
        "1804.06788",
    ),
    "arXiv:2302.03026": _article(
        "Lemos:2023tarp",
        "Lemos, Pablo and Coogan, Adam and Hezaveh, Yashar and Perreault-Levasseur, Laurence",
        "Sampling-Based Accuracy Testing of Posterior Estimators for General Inference",
        "Proc. Mach. Learn. Res. 202, 19256",
        2023,
        "2302.03026",
    ),
    "arXiv:1906.04032": _article(
        "Durkan:2019nsf",
        "Durkan, Conor and Bekasov, Artur and Murray, Iain and Papamakarios, George",
        "Neural Spline Flows",
        "Adv. Neural Inf. Process. Syst. 32",
        2019,
        "1906.04032",
    ),
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
