"""Risk checks of replays: the checks that live orders pass, by a proof where one is possible."""
