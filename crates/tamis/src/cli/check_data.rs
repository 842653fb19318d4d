//! `tamis check --data`: what the files make of the system: decisions, what turned out right, and outcomes that follow nothing.

use super::Failed;
use super::train::{bring_in, load};
use crate::home::Home;
use crate::progress::Bars;
use serde::Serialize;
use std::fmt::Write;
use tamis_funnel::Plan;
use tamis_spec::time::{format_duration, format_time};
use tamis_train::Decisions;
use tamis_train::windows::{TEST, TRAIN, VALIDATE, cut};

/// What was found, with stable keys.
#[derive(Serialize)]
struct Found {
    system: String,
    decisions: u64,
    /// Of train, validate and test.
    windows: [u64; 3],
    from: Option<String>,
    to: Option<String>,
    /// Items over all decisions.
    items: u64,
    positives: u64,
    decisions_with_positives: u64,
    /// Rows that name no user or no item.
    incomplete: u64,
    /// Rows that repeat an item of their list.
    repeated: u64,
    outcomes: Vec<OutcomeFound>,
    /// How far those agree who judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    agreement: Option<tamis_observe::raters::Agreement>,
    /// Why there are no positives; none when there are some.
    why: Option<String>,
}

#[derive(Serialize)]
struct OutcomeFound {
    name: String,
    outcome: String,
    against: bool,
    happened: u64,
    unattributed: u64,
    /// Of these, of an item that this user had been shown.
    shown_before: u64,
}

pub(super) fn run(home: &Home, plan: &Plan, json: bool) -> Result<(), Failed> {
    let bars = Bars::new();
    bring_in(home, plan, &bars, json)?;
    let data = load(home, plan, None, &bars)?;
    let decisions = tamis_train::decisions::decisions(plan, &data);
    let windows = cut(plan, &data, &decisions).ok();
    bars.finish();
    let of = |w: usize| windows.as_ref().map_or(0, |cut| cut.of(w, &decisions).len() as u64);
    let found = found(plan, &decisions, [of(TRAIN), of(VALIDATE), of(TEST)]);
    if json {
        say!("{}", serde_json::to_string_pretty(&found).expect("what was found is plain data"));
    } else {
        say!("{}", text(&found, decisions.lists));
    }
    match found.why {
        Some(why) => Err(Failed::No(why)),
        None => Ok(()),
    }
}

fn found(plan: &Plan, decisions: &Decisions, windows: [u64; 3]) -> Found {
    let moment = |d: Option<&tamis_train::Decision>| d.map(|d| format_time(d.now));
    let right = |d: &&tamis_train::Decision| decisions.grades(d).iter().any(|g| *g > 0.0);
    let grades = decisions.all.iter().flat_map(|d| decisions.grades(d));
    let label = &plan.system.label;
    let grades_of = label.grades.iter().map(|g| (g.name.clone(), &g.outcome, false));
    let named = grades_of.chain(label.against.iter().map(|(name, o)| (name.value.clone(), o, true)));
    let counts = &decisions.counts;
    let outcome =
        |(i, (name, spec, against)): (usize, (String, &tamis_spec::system::OutcomeSpec, bool))| OutcomeFound {
            name,
            outcome: spec.text.value.clone(),
            against,
            happened: counts.outcomes[i],
            unattributed: counts.unattributed[i],
            shown_before: counts.late[i],
        };
    let mut found = Found {
        system: plan.system.name.value.clone(),
        decisions: decisions.all.len() as u64,
        windows,
        from: moment(decisions.all.first()),
        to: moment(decisions.all.last()),
        items: grades.clone().count() as u64,
        positives: grades.filter(|g| **g > 0.0).count() as u64,
        decisions_with_positives: decisions.all.iter().filter(right).count() as u64,
        incomplete: counts.incomplete,
        repeated: counts.repeated,
        outcomes: named.enumerate().map(outcome).collect(),
        agreement: decisions.agreement.clone(),
        why: None,
    };
    found.why = (found.positives == 0).then(|| why(plan, &found));
    found
}

/// Why nothing turned out right.
fn why(plan: &Plan, found: &Found) -> String {
    let event = &plan.system.events[plan.system.decision.event].name.value;
    if found.decisions == 0 && found.incomplete > 0 {
        return format!("no positives: all {} rows of `{event}` lack a user or an item", found.incomplete);
    }
    if found.decisions == 0 {
        return format!("no positives: there is no decision; `{event}` never happened, or [decision] where never held");
    }
    let graded = || found.outcomes.iter().filter(|o| !o.against);
    if graded().all(|o| o.happened == 0) {
        let names: Vec<&str> = graded().map(|o| o.outcome.as_str()).collect();
        return format!(
            "no positives: it never happened that {}; look at its condition and its file",
            names.join(", ")
        );
    }
    let (lost, before) = graded().fold((0, 0), |(l, b), o| (l + o.unattributed, b + o.shown_before));
    let spans = plan.system.label.grades.iter().filter_map(|g| g.outcome.within_ms).max();
    match spans {
        _ if lost == 0 => "no positives: every outcome has the grade 0".into(),
        Some(ms) if before > 0 => format!(
            "no positives: {before} of {lost} outcomes are of an item that the user was shown, but not within {}; make `within` longer",
            format_duration(ms)
        ),
        _ => format!(
            "no positives: none of {lost} outcomes is of an item that this user was shown before; do the keys of both files mean the same?"
        ),
    }
}

fn text(found: &Found, lists: bool) -> String {
    let mut out = String::new();
    let [train, validate, test] = found.windows;
    let what = if lists { "lists" } else { "decisions" };
    let _ = writeln!(
        out,
        "{}: {} {what}{}: train {train}, validate {validate}, test {test}",
        found.system,
        found.decisions,
        found.from.as_ref().zip(found.to.as_ref()).map(|(a, b)| format!(", {a} to {b}")).unwrap_or_default(),
    );
    let per = found.items as f64 / found.decisions.max(1) as f64;
    let _ = writeln!(
        out,
        "{} items, {per:.1} each; {} of them right, in {} of the {what}",
        found.items, found.positives, found.decisions_with_positives
    );
    for o in &found.outcomes {
        let sort = if o.against { "against" } else { "label" };
        let _ = writeln!(
            out,
            "{sort:<9}{:<16}{:>10} times, {} follow none ({} of an item shown before)  {}",
            o.name, o.happened, o.unattributed, o.shown_before, o.outcome
        );
    }
    if let Some(a) = &found.agreement {
        let kappa =
            |k: Option<f64>| k.map_or("cannot be told: no two judged the same".to_string(), |k| format!("{k:.3}"));
        let _ = writeln!(
            out,
            "raters    {} gave {} grades, {} items by more than one",
            a.raters, a.ratings, a.shared_items
        );
        let _ = writeln!(out, "agreement Cohen's kappa {}, Fleiss' kappa {}", kappa(a.cohen), kappa(a.fleiss));
    }
    if found.incomplete + found.repeated > 0 {
        let _ = writeln!(
            out,
            "left out  {} rows without user or item, {} that repeat an item of their list",
            found.incomplete, found.repeated
        );
    }
    out
}
