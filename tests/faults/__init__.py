"""The fault campaign: every step of every recipe under random faults; see docs/reliability.md.

``python -m tests.faults`` runs it.
"""
