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
        if self.dimensions == 0 { 0 } else { self.values.len() / self.dimensions }
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
