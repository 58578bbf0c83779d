"""What a tensor looks like: pixels, tiles, histograms, quantiles, spectra, in bounded memory."""
