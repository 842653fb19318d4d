//! The funnel: sources, stages and re-ranking run as one decision, in training and serving alike.
