//! Training: log to examples to models to a judged bundle.
