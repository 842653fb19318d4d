//! Documents in which terms stand one behind the other.

use crate::block::Postings;

/// Tells each document that has the terms of `lists` in this order in one field, and how often in each field. Without positions: that
/// has all of them in one field, as often as the rarest.
pub(crate) fn each(lists: &[Postings], n_fields: usize, positions: bool, tell: &mut dyn FnMut(u32, &[u32])) {
    let Some(rarest) = lists.iter().min_by_key(|list| list.docs.len()) else { return };
    let starts: Vec<Vec<usize>> = lists.iter().map(|list| if positions { starts(list) } else { Vec::new() }).collect();
    let mut at = vec![0; lists.len()];
    let mut tfs = vec![0; n_fields];
    for doc in &rarest.docs {
        for (list, at) in lists.iter().zip(&mut at) {
            *at += list.docs[*at..].partition_point(|d| d < doc);
        }
        if lists.iter().zip(&at).any(|(list, at)| list.docs.get(*at) != Some(doc)) {
            continue;
        }
        for (field, tf) in tfs.iter_mut().enumerate() {
            *tf = if positions {
                let cell = |i: usize| at[i] * n_fields + field;
                let of = |i: usize| &lists[i].positions[starts[i][cell(i)]..starts[i][cell(i) + 1]];
                let follows = |p: &&u32| (1..lists.len()).all(|i| of(i).binary_search(&(**p + i as u32)).is_ok());
                of(0).iter().filter(follows).count() as u32
            } else {
                lists.iter().zip(&at).map(|(list, at)| list.tfs[at * n_fields + field]).min().unwrap_or(0)
            };
        }
        if tfs.iter().any(|tf| *tf > 0) {
            tell(*doc, &tfs);
        }
    }
}

/// For each frequency, where its places begin; and where the last end.
fn starts(list: &Postings) -> Vec<usize> {
    let mut out = vec![0];
    out.extend(list.tfs.iter().scan(0, |at, tf| {
        *at += *tf as usize;
        Some(*at)
    }));
    out
}
