//! Measuring: metrics, intervals, attribution of losses; sees only the log.
