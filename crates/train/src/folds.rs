//! Cross-validation: every fold judged by what was trained on the others, and all decisions together in one report.

use crate::data::Data;
use crate::decisions;
use crate::error::Error;
use crate::evaluate::{Judged, report_of, see};
use crate::fit::train;
use crate::progress::Progress;
use std::path::Path;
use tamis_funnel::{Plan, bundle};
use tamis_observe::report::Report;

/// Trains each of the split's folds and judges it on its own window `on`, [`TEST`](crate::windows::TEST) or
/// [`VALIDATE`](crate::windows::VALIDATE). `dir`: where bundles are written and removed.
pub fn cross_validate(
    plan: &mut Plan,
    data: &Data,
    dir: &Path,
    on: usize,
    n_threads: usize,
    progress: &dyn Progress,
) -> Result<Report, Error> {
    let begin = progress.seconds();
    let Some((n, _)) = plan.system.split.folds else {
        return Err(Error::TooLittle {
            what: "[split] has no folds".into(),
            help: "write for example by = \"random\" and folds = 5".into(),
        });
    };
    let decisions = decisions::decisions(plan, data);
    let mut all = Vec::new();
    for fold in 0..n {
        plan.system.split.folds = Some((n, fold));
        let trained = train(plan, data, n_threads, progress)?;
        let bundle = bundle::write(dir, plan, &data.actors, &trained.contents)?;
        all.push(see(plan, data, &bundle, (&decisions, on), n_threads, progress)?);
    }
    let mut report = report_of(plan, data, &decisions, Judged::together(all));
    report.split.kind = report.split.kind.replace(&format!("fold 0 of {n}"), &format!("all of {n} folds"));
    report.resources.seconds = progress.seconds() - begin;
    Ok(report)
}
