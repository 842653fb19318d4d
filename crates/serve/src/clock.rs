//! The door to the clock: whoever runs the engine knows what time it is, the engine does not.

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970-01-01 UTC; may go back.
    fn now_ms(&self) -> i64;
    /// Nanoseconds since any fixed moment; never goes back.
    fn nanos(&self) -> u64;
}
