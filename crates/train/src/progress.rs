//! Progress: what long work tells whoever watches. The work does not know who that is, nor what time it is.

/// Told of steps and how far they are; both are called from any thread.
pub trait Progress: Sync {
    /// A step begins; `total` units of work, 0 when unknown.
    fn step(&self, name: &str, total: u64);
    /// So many more units are done.
    fn advance(&self, n: u64);
    /// Seconds from any fixed moment.
    fn seconds(&self) -> f64;
}

/// Runs one step and notes how long it took.
pub fn timed<R>(
    progress: &dyn Progress,
    steps: &mut Vec<(String, f64)>,
    name: &str,
    total: u64,
    work: impl FnOnce() -> R,
) -> R {
    progress.step(name, total);
    let from = progress.seconds();
    let out = work();
    steps.push((name.to_string(), progress.seconds() - from));
    out
}
