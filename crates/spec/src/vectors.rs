//! `Vectors`: one dense vector for each index.

/// Vectors of one length, row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vectors {
    /// n × dimensions values.
    pub values: Vec<f32>,
    /// Length of each.
    pub dimensions: usize,
}

impl Vectors {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.dimensions).unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The vector of an index; none for an index that came after these were made.
    #[inline]
    pub fn get(&self, idx: u32) -> Option<&[f32]> {
        let start = idx as usize * self.dimensions;
        self.values.get(start..start + self.dimensions)
    }
}
