"""From utterances to hypotheses: batches, lanes, loops, what nobody said. Light to import; `decode` needs torch."""
