"""Pure functions from data frames to charts, one file per topic."""
