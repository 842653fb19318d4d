//! Splits that are not by time, and what may be fitted then.

use super::{FILE, Silent, data, views};
use crate::decisions::decisions;
use crate::windows::{self, TEST, TRAIN, VALIDATE, Windows};
use crate::{Data, Decisions, Error, train};
use std::collections::HashSet;
use tamis_funnel::{Plan, Registries, plan};

const SHARES: &str = "[split]\nsources = \"50%\"\ntrain = \"20%\"\nvalidate = \"15%\"\ntest = \"15%\"\n";

/// The market without what is fitted on events, split in some way; views have a field that says where they belong.
fn planned(split: &str) -> Plan {
    let mut file = FILE.replace(SHARES, &format!("[split]\n{split}\n"));
    for (part, features) in [
        (
            "[learned.taste]\nkind = \"als\"\nevent = \"view\"\ndimensions = 8\n",
            "taste = \"dot(user.taste, item.taste)\"\n",
        ),
        ("[[candidates]]\nkind = \"ease\"\nevent = \"view\"\nkeep = 15\n", "ease = \"score.ease\"\n"),
        ("[[candidates]]\nkind = \"vector\"\nnear = \"user.taste\"\nof = \"item.taste\"\nkeep = 10\n", ""),
    ] {
        assert!(file.contains(part) && file.contains(features));
        file = file.replace(part, "").replace(features, "");
    }
    let (plan, wrong) = plan::plan(&file, Registries::default());
    assert_eq!(wrong, [], "{split}");
    plan.expect("it has no mistakes")
}

fn cut(plan: &Plan) -> (Data, Decisions, Windows) {
    let data = data(plan, &views(400));
    let all = decisions(plan, &data);
    let windows = windows::cut(plan, &data, &all).expect("it can be cut");
    (data, all, windows)
}

/// Decisions in train, validate and test.
fn sizes(windows: &Windows, all: &Decisions) -> [usize; 3] {
    [TRAIN, VALIDATE, TEST].map(|w| windows.of(w, all).len())
}

#[test]
fn a_draw_has_its_shares_and_keeps_together_what_belongs_together() {
    let shares = "train = 0.5\nvalidate = 0.3\ntest = 0.2\n";
    let (_, all, windows) = cut(&planned(&format!("by = \"random\"\n{shares}")));
    let sizes = sizes(&windows, &all);
    let n = all.all.len();
    assert_eq!(sizes.iter().sum::<usize>(), n);
    for (size, share) in sizes.iter().zip([0.5, 0.3, 0.2]) {
        assert!((*size as f64 / n as f64 - share).abs() < 0.12, "{sizes:?} of {n}");
    }
    let (_, all, windows) = cut(&planned(&format!("by = \"user\"\n{shares}")));
    let users = |w| windows.of(w, &all).iter().map(|d| d.user).collect::<HashSet<_>>();
    assert!(users(TRAIN).is_disjoint(&users(TEST)) && users(TRAIN).is_disjoint(&users(VALIDATE)));
    let (_, all, windows) = cut(&planned(&format!("by = \"item\"\n{shares}")));
    let items = |w| windows.of(w, &all).iter().map(|d| all.best(d)).collect::<HashSet<_>>();
    assert!(items(TRAIN).is_disjoint(&items(TEST)) && !items(TEST).is_empty());
    assert_eq!(windows.report(&data(&planned(shares), &views(400)), &all).kind, "by item");
}

#[test]
fn every_decision_is_tested_in_one_fold_and_validated_in_another() {
    let mut tested = Vec::new();
    for fold in 0..4 {
        let (_, all, windows) = cut(&planned(&format!("by = \"random\"\nfolds = 4\nfold = {fold}")));
        let starts = |w| windows.of(w, &all).iter().map(|d| d.start).collect::<HashSet<_>>();
        assert_eq!(sizes(&windows, &all).iter().sum::<usize>(), all.all.len());
        assert!(starts(TEST).is_disjoint(&starts(TRAIN)) && starts(TEST).is_disjoint(&starts(VALIDATE)));
        tested.extend(starts(TEST));
    }
    let n = tested.len();
    assert_eq!(
        (tested.into_iter().collect::<HashSet<_>>().len(), n),
        (n, cut(&planned("by = \"random\"\nfolds = 4")).1.all.len())
    );
}

#[test]
fn folds_are_judged_together_by_what_the_others_taught() {
    let mut plan = planned("by = \"user\"\nfolds = 3");
    let data = data(&plan, &views(400));
    let dir = tempfile::tempdir().unwrap();
    let report = crate::cross_validate(&mut plan, &data, dir.path(), TEST, 2, &Silent).expect("it trains");
    let n = decisions(&plan, &data).all.len() as u64;
    assert_eq!((report.split.test.decisions, report.split.kind.as_str()), (n, "by user, all of 3 folds"));
    assert!(report.metrics.get("ndcg@10").is_some_and(|m| m.value > 0.0 && m.low < m.high));
    let none = crate::cross_validate(
        &mut planned("by = \"user\"\ntrain = 0.5\nvalidate = 0.3\ntest = 0.2"),
        &data,
        dir.path(),
        TEST,
        1,
        &Silent,
    );
    assert!(none.unwrap_err().to_string().contains("[split] has no folds"));
}

#[test]
fn time_spans_count_back_from_the_end_of_the_log() {
    let (data, _, windows) = cut(&planned("train = \"100s\"\nvalidate = \"60s\"\ntest = \"30s\""));
    let end = data.events.kinds[0].known.last().unwrap() + 1;
    assert_eq!(windows.bounds[1..], [end - 190_000, end - 90_000, end - 30_000, end]);
}

#[test]
fn a_file_says_where_each_decision_belongs_or_is_refused() {
    let plan = planned("file = \"split.txt\"");
    let mut data = data(&plan, &views(400));
    let all = decisions(&plan, &data);
    let folder = tempfile::tempdir().unwrap();
    data.folders = vec![folder.path().to_path_buf()];
    let words = ["train", "test", "", "vali"];
    let line = |i: usize| words[i % 4].to_string();
    let check = |text: String, told: Option<&str>| {
        std::fs::write(folder.path().join("split.txt"), text).unwrap();
        match (windows::cut(&plan, &data, &all), told) {
            (Ok(windows), None) => {
                let expected = [0, 3, 1].map(|r| (0..all.all.len()).filter(|i| i % 4 == r).count());
                assert_eq!(sizes(&windows, &all), expected);
            }
            (Err(e), Some(told)) => assert!(e.to_string().contains(told), "{e}"),
            (found, _) => panic!("{found:?}, expected {told:?}"),
        }
    };
    let n = all.all.len();
    let text = |n: usize| (0..n).map(line).collect::<Vec<_>>().join("\n");
    check(text(n), None);
    check(text(n - 1), Some(&format!("says where {} decisions belong, and there are {n}", n - 1)));
    check(text(n).replacen("vali", "maybe", 1), Some("the split says `maybe` of decision 4"));
    let folds = planned("file = \"folds.txt\"\nfolds = 3\nfold = 2");
    let digits: String = (0..n).map(|i| char::from(b'0' + (i % 3) as u8)).collect();
    std::fs::write(folder.path().join("folds.txt"), &digits).unwrap();
    let windows = windows::cut(&folds, &data, &all).expect("a digit for each");
    assert_eq!(sizes(&windows, &all), [1, 0, 2].map(|r| (0..n).filter(|i| i % 3 == r).count()));
}

#[test]
fn folds_may_have_names_and_the_fold_before_the_test_may_be_the_one_to_validate_on() {
    let named = |word: &dyn Fn(usize) -> String, more: &str| {
        let plan = planned(&format!("file = \"folds.txt\"\nfolds = 5\n{more}"));
        let mut data = data(&plan, &views(400));
        let all = decisions(&plan, &data);
        let folder = tempfile::tempdir().unwrap();
        data.folders = vec![folder.path().to_path_buf()];
        let text: Vec<String> = (0..all.all.len()).map(word).collect();
        std::fs::write(folder.path().join("folds.txt"), text.join("\n")).unwrap();
        windows::cut(&plan, &data, &all).map(|w| w.members.expect("it is not by time")).map_err(|e| e.to_string())
    };
    let part = |i: usize| format!("Part{}", 1 + i % 5);
    // Part1 to Part5 are folds 0 to 4.
    let windows = named(&part, "fold = 4\nvalidate_fold = \"before\"").unwrap();
    assert_eq!(windows[..5], [TRAIN, TRAIN, TRAIN, VALIDATE, TEST].map(|w| w as u8));
    let windows = named(&part, "fold = 0\nvalidate_fold = \"before\"").unwrap();
    assert_eq!(windows[..5], [TEST, TRAIN, TRAIN, TRAIN, VALIDATE].map(|w| w as u8));
    assert_eq!(named(&part, "fold = 0").unwrap()[..5], [TEST, VALIDATE, TRAIN, TRAIN, TRAIN].map(|w| w as u8));
    let from_one = named(&|i| (1 + i % 5).to_string(), "fold = 4").unwrap();
    assert_eq!(from_one[..5], [VALIDATE, TRAIN, TRAIN, TRAIN, TEST].map(|w| w as u8));
    let wrong = named(&|i| format!("Part{}", i % 6), "").unwrap_err();
    assert!(wrong.contains("the split says 6 different words, Part0, Part1") && wrong.contains("5 folds"), "{wrong}");
}

#[test]
fn a_file_may_say_for_each_key_where_its_decisions_belong() {
    let plan = planned("file = \"split.txt\"");
    let mut data = data(&plan, &views(400));
    let all = decisions(&plan, &data);
    let folder = tempfile::tempdir().unwrap();
    data.folders = vec![folder.path().to_path_buf()];
    let keys = data.actors.tables[0].keys.names().iter().map(String::from).collect::<Vec<_>>();
    let word = |at: usize| ["train", "validate", "test"][at % 3];
    // In any order of the keys.
    let mut lines: Vec<String> = keys.iter().enumerate().map(|(at, key)| format!("{key} {}", word(at))).collect();
    lines.reverse();
    std::fs::write(folder.path().join("split.txt"), lines.join("\n")).unwrap();
    let windows = windows::cut(&plan, &data, &all).unwrap().members.unwrap();
    for (d, window) in all.all.iter().zip(windows) {
        assert_eq!(usize::from(window), [TRAIN, VALIDATE, TEST][d.user as usize % 3]);
    }
    std::fs::write(folder.path().join("split.txt"), lines[1..].join("\n")).unwrap();
    let wrong = windows::cut(&plan, &data, &all).unwrap_err().to_string();
    assert!(wrong.contains(&format!("says nothing of `{}`", keys[keys.len() - 1])), "{wrong}");
}

#[test]
fn what_is_fitted_on_events_is_refused_where_windows_lie_across_each_other() {
    let leaking = |split: &str| {
        let file = FILE.replace(SHARES, &format!("[split]\n{split}\n"));
        let (plan, wrong) = plan::plan(&file, Registries::default());
        assert_eq!(wrong, []);
        let plan = plan.unwrap();
        let data = data(&plan, &views(400));
        train(&plan, &data, 1, &Silent).err()
    };
    let found = leaking("by = \"random\"\ntrain = 0.5\nvalidate = 0.3\ntest = 0.2");
    let Some(Error::Leak { part, split, .. }) = &found else { panic!("{found:?}") };
    assert_eq!((part.as_str(), split.as_str()), ("taste", "random"));
    assert!(found.unwrap().to_string().contains("`taste` is fitted on events"));
    // What only the fold keeps is let through, and trains.
    let plan = planned("by = \"random\"\ntrain = 0.5\nvalidate = 0.3\ntest = 0.2");
    assert!(train(&plan, &data(&plan, &views(400)), 1, &Silent).is_ok());
}
