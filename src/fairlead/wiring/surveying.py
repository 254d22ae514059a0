"""What the command line tells about exchanges before an account is added."""

from __future__ import annotations

from fairlead.venues.ccxt.client import LibraryMissingError, UnknownExchangeError
from fairlead.venues.ccxt.survey import MEANING, Support, Survey, survey, survey_all

__all__ = ["MEANING", "LibraryMissingError", "Support", "Survey", "UnknownExchangeError", "survey", "survey_all"]
