"""From events to limits: morphing, learned ratios and scores, intervals."""
