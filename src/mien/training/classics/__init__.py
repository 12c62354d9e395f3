"""Face recognition before deep nets, for comparison: eigenfaces, Fisherfaces, local binary patterns, HOG."""
