"""HAAQI, the Hearing-Aid Audio Quality Index, version 1.

How good does processed music sound to a listener with hearing loss, compared with a reference?
Both signals go through a model of the listener's ear: the middle ear, 32 gammatone filters whose
bandwidth follows the level, compression by outer hair cells, threshold and adaptation of inner
hair cells. Four features compare what reaches the auditory nerve, and a regression fitted to
listening tests turns them into one number [1]_. The numbers are those of the implementation in
pyClarity 0.9.0, which the Cadenza challenges use.

`haaqi` scores one ear and `haaqi_ears` both; `haaqi_candidates` compares several processed signals
with one reference.

.. [1] J. M. Kates and K. H. Arehart, "The Hearing-Aid Audio Quality Index (HAAQI)", IEEE/ACM
   Transactions on Audio, Speech, and Language Processing 24(2), 354-365, 2016,
   doi:10.1109/TASLP.2015.2507858.
"""

from cadenza.errors import SilentReferenceError
from cadenza.haaqi.api import haaqi, haaqi_candidates, haaqi_ears, warm_up
from cadenza.haaqi.details import CepstralDetails, HaaqiDetails, SpectrumDetails, VibrationDetails
from cadenza.haaqi.options import Equalisation, HaaqiOptions, NoiseName
from cadenza.haaqi.score import HaaqiScore

__all__ = [
    "CepstralDetails",
    "Equalisation",
    "HaaqiDetails",
    "HaaqiOptions",
    "HaaqiScore",
    "NoiseName",
    "SilentReferenceError",
    "SpectrumDetails",
    "VibrationDetails",
    "haaqi",
    "haaqi_candidates",
    "haaqi_ears",
    "warm_up",
]
