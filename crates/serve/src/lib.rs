//! Serving: the HTTP API over a funnel and its log.
