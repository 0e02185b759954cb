"""Statistics: what is chance? Pure numpy and scipy, of arrays of counts; no tasks, no models."""
