"""What the command line asks about exchanges over ccxt, when an account is added or gets its key."""

from __future__ import annotations

from fairlead.venues.ccxt.client import LibraryMissingError, UnknownExchangeError
from fairlead.venues.ccxt.survey import MEANING, Support, Survey, survey, survey_all

__all__ = ["MEANING", "LibraryMissingError", "Support", "Survey", "UnknownExchangeError", "survey", "survey_all"]
