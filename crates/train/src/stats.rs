//! What the features of the first stage hold in each window, and how they go with the label.

use crate::data::Data;
use crate::error::Error;
use crate::export::export;
use crate::progress::Progress;
use crate::windows::{TEST, TRAIN, VALIDATE};
use tamis_funnel::Plan;
use tamis_observe::columns::{self, Columns};

/// Rows that are looked at in each window, the first of it.
pub const ROWS_MAX: usize = 1_000_000;

/// The rows of one window, by feature.
#[derive(Default)]
struct Window {
    values: Vec<Vec<f32>>,
    labels: Vec<f32>,
}

/// Describes every feature over the rows that `tamis examples` writes.
pub fn stats(plan: &Plan, data: &Data, n_threads: usize, progress: &dyn Progress) -> Result<Columns, Error> {
    let mut windows: [Window; 3] = Default::default();
    let head = export(plan, data, false, n_threads, progress, &mut |head, rows| {
        let width = head.features.len();
        for (row, window) in rows.window.iter().enumerate() {
            let of = &mut windows[window - TRAIN];
            of.values.resize_with(width, Vec::new);
            if of.labels.len() < ROWS_MAX {
                of.labels.push(rows.label[row]);
                let values = &rows.values[row * width..(row + 1) * width];
                of.values.iter_mut().zip(values).for_each(|(column, v)| column.push(*v));
            }
        }
        Ok(())
    })?;
    let mut features = Vec::new();
    for (f, (name, is_words)) in head.features.iter().enumerate() {
        let take = |w: &mut Window| w.values.get_mut(f).map(std::mem::take).unwrap_or_default();
        let taken: Vec<Vec<f32>> = windows.iter_mut().map(take).collect();
        let by_window: Vec<(Vec<f32>, &[f32])> =
            taken.into_iter().zip(&windows).map(|(values, w)| (values, w.labels.as_slice())).collect();
        features.push(match is_words {
            true => columns::words(name, &by_window, &|id| data.actors.words.name(id).to_string()),
            false => columns::numbers(name, &by_window),
        });
    }
    let names = [(TRAIN, "train"), (VALIDATE, "validate"), (TEST, "test")];
    let windows = names.map(|(w, name)| (name.to_string(), windows[w - TRAIN].labels.len() as u64)).to_vec();
    Ok(Columns { system: plan.system.name.value.clone(), windows, features })
}
