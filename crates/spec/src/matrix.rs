//! `Matrix`: rows of f32 with columns that were named once, by the plan.

/// A dense matrix, row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    /// n_rows × n_columns values; NaN is missing.
    pub values: Vec<f32>,
    /// Values in a row.
    pub n_columns: usize,
}

impl Matrix {
    /// An empty matrix of that width.
    pub fn new(n_columns: usize) -> Self {
        Self { values: Vec::new(), n_columns }
    }

    /// How many rows there are.
    pub fn n_rows(&self) -> usize {
        self.values.len().checked_div(self.n_columns).unwrap_or(0)
    }

    /// One row.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.n_columns..(i + 1) * self.n_columns]
    }

    /// Makes it `n_rows` high, every value NaN; keeps its memory.
    pub fn reset(&mut self, n_rows: usize) {
        self.values.clear();
        self.values.resize(n_rows * self.n_columns, f32::NAN);
    }
}

/// What a column of a matrix holds.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ColumnSpec {
    /// The feature's name in the system file.
    pub name: String,
    /// Number of category codes when the column holds codes 0, 1, ... as numbers; none when it holds numbers.
    pub categories: Option<u32>,
}
