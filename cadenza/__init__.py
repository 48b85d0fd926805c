"""Make music better for people with hearing loss.

Import what you need from its module, for example ``from cadenza.haaqi import haaqi``.
"""

__version__ = "0.1.0"
