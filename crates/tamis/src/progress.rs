//! Progress on a terminal: one line that moves, then one line for each step that is done; nothing where nobody looks.

use crate::clock::Stopwatch;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Mutex;
use tamis_train::Progress;

/// Bars on standard error.
pub struct Bars {
    watch: Stopwatch,
    current: Mutex<Option<Step>>,
    seen: bool,
}

struct Step {
    name: String,
    began: f64,
    bar: ProgressBar,
}

impl Bars {
    /// Visible when standard error is a terminal.
    pub fn new() -> Self {
        Self { watch: Stopwatch::default(), current: Mutex::new(None), seen: std::io::stderr().is_terminal() }
    }

    /// Ends the last step.
    pub fn finish(&self) {
        if let Ok(mut current) = self.current.lock() {
            self.end(current.take());
        }
    }

    fn end(&self, step: Option<Step>) {
        if let Some(step) = step {
            step.bar.finish_and_clear();
            if self.seen {
                eprintln!("  {:<32} {:>7.1} s", step.name, self.watch.seconds() - step.began);
            }
        }
    }
}

impl Default for Bars {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress for Bars {
    fn step(&self, name: &str, total: u64) {
        let bar = if total > 0 { ProgressBar::new(total) } else { ProgressBar::new_spinner() };
        let shape =
            if total > 0 { "  {msg:<32} {bar:28} {pos}/{len}  {eta} left" } else { "  {msg:<32} {spinner} {elapsed}" };
        if self.seen {
            bar.set_style(ProgressStyle::with_template(shape).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(std::time::Duration::from_millis(120));
        } else {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        bar.set_message(name.to_string());
        if let Ok(mut current) = self.current.lock() {
            self.end(current.take());
            *current = Some(Step { name: name.to_string(), began: self.watch.seconds(), bar });
        }
    }

    fn advance(&self, n: u64) {
        if let Ok(current) = self.current.lock()
            && let Some(step) = current.as_ref()
        {
            step.bar.inc(n);
        }
    }

    fn seconds(&self) -> f64 {
        self.watch.seconds()
    }
}
