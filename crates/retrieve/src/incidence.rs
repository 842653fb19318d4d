//! Who met what, each pair once, by row: the binary matrix X that closed forms and factorisations are fitted on.

use crate::source::Pairs;

/// A binary sparse matrix, compressed by row.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Incidence {
    /// Where each row starts in `columns`, and the end: one more than there are rows.
    pub(crate) starts: Vec<usize>,
    /// Ascending within a row, each once.
    pub(crate) columns: Vec<u32>,
}

impl Incidence {
    /// Users by items; a pair that occurs more than once counts once, one outside the sizes not at all.
    pub(crate) fn of(pairs: &Pairs, n_users: usize, n_items: usize) -> Self {
        let inside = |(u, i): (&u32, &u32)| {
            ((*u as usize) < n_users && (*i as usize) < n_items).then(|| u64::from(*u) << 32 | u64::from(*i))
        };
        let mut keys: Vec<u64> = pairs.users.iter().zip(&pairs.items).filter_map(inside).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut starts = vec![0; n_users + 1];
        for key in &keys {
            starts[(key >> 32) as usize + 1] += 1;
        }
        for row in 0..n_users {
            starts[row + 1] += starts[row];
        }
        Self { starts, columns: keys.into_iter().map(|key| key as u32).collect() }
    }

    /// The columns of a row that are 1.
    pub(crate) fn row(&self, row: usize) -> &[u32] {
        &self.columns[self.starts[row]..self.starts[row + 1]]
    }

    /// Columns by rows; `n_columns` covers all of them.
    pub(crate) fn transposed(&self, n_columns: usize) -> Self {
        let mut starts = vec![0; n_columns + 1];
        for column in &self.columns {
            starts[*column as usize + 1] += 1;
        }
        for column in 0..n_columns {
            starts[column + 1] += starts[column];
        }
        let (mut next, mut columns) = (starts.clone(), vec![0; self.columns.len()]);
        for row in 0..self.starts.len() - 1 {
            for column in self.row(row) {
                columns[next[*column as usize]] = row as u32;
                next[*column as usize] += 1;
            }
        }
        Self { starts, columns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_counts_once_and_only_inside_the_sizes() {
        let pairs = Pairs { users: vec![2, 0, 2, 2, 9, 0], items: vec![1, 3, 0, 1, 0, u32::MAX], times: vec![0; 6] };
        let x = Incidence::of(&pairs, 3, 4);
        let rows = |x: &Incidence| (0..x.starts.len() - 1).map(|r| x.row(r).to_vec()).collect::<Vec<_>>();
        assert_eq!(rows(&x), [vec![3], vec![], vec![0, 1]]);
        assert_eq!(rows(&x.transposed(4)), [vec![2], vec![2], vec![], vec![0]]);
    }
}
