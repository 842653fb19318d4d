//! How a fit is written into a bundle: eight letters, two counts, then whole numbers and f32 values, little-endian.
//! The values are read in place, so that everything that opens the same bytes shares them.

use crate::source::Error;
use std::sync::Arc;

const HEADER: usize = 24;

/// Starts the bytes of a fit; the caller appends `n_values` f32 with [`append`].
pub(crate) fn begin(letters: &[u8; 8], ids: &[u32], n_values: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + 4 * (ids.len() + n_values));
    bytes.extend_from_slice(letters);
    bytes.extend_from_slice(&(ids.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&(n_values as u64).to_le_bytes());
    for id in ids {
        bytes.extend_from_slice(&id.to_le_bytes());
    }
    bytes
}

/// Appends values.
pub(crate) fn append(bytes: &mut Vec<u8>, values: &[f32]) {
    if cfg!(target_endian = "little") {
        bytes.extend_from_slice(bytemuck::cast_slice(values));
    } else {
        bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    }
}

/// What [`begin`] and [`append`] wrote.
#[derive(Debug)]
pub(crate) struct Stored {
    /// The whole numbers.
    pub(crate) ids: Vec<u32>,
    values: Values,
}

#[derive(Debug)]
enum Values {
    /// The bytes from there on.
    Shared(Arc<Vec<u8>>, usize),
    /// Where the bytes are not aligned or in another order than the machine's.
    Copied(Vec<f32>),
}

impl Stored {
    /// Reads bytes with those letters; an error when they are not whole.
    pub(crate) fn read(letters: &[u8; 8], part: &str, bytes: &Arc<Vec<u8>>) -> Result<Self, Error> {
        let damaged = |reason: String| Error::Damaged { part: part.into(), reason };
        if bytes.len() < HEADER || &bytes[..8] != letters {
            let expected = String::from_utf8_lossy(letters).trim_end().to_string();
            return Err(damaged(format!("{} bytes that do not start with `{expected}`; train again", bytes.len())));
        }
        let count = |at: usize| {
            let mut eight = [0; 8];
            eight.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(eight)
        };
        let (n_ids, n_values) = (count(8), count(16));
        let expected =
            n_ids.checked_add(n_values).and_then(|n| n.checked_mul(4)).and_then(|n| n.checked_add(HEADER as u64));
        if expected != Some(bytes.len() as u64) {
            let found = bytes.len();
            return Err(damaged(format!("{found} bytes for {n_ids} numbers and {n_values} values; train again")));
        }
        let four = |b: &[u8]| [b[0], b[1], b[2], b[3]];
        let at = HEADER + 4 * n_ids as usize;
        let ids = bytes[HEADER..at].chunks_exact(4).map(|b| u32::from_le_bytes(four(b))).collect();
        let in_place = cfg!(target_endian = "little") && bytemuck::try_cast_slice::<u8, f32>(&bytes[at..]).is_ok();
        let values = if in_place {
            Values::Shared(bytes.clone(), at)
        } else {
            Values::Copied(bytes[at..].chunks_exact(4).map(|b| f32::from_le_bytes(four(b))).collect())
        };
        Ok(Self { ids, values })
    }

    /// The values.
    pub(crate) fn values(&self) -> &[f32] {
        match &self.values {
            Values::Shared(bytes, at) => bytemuck::cast_slice(&bytes[*at..]),
            Values::Copied(values) => values,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_cut_is_refused() {
        let mut bytes = begin(b"test  01", &[3, 9], 3);
        append(&mut bytes, &[1.5, f32::NEG_INFINITY]);
        append(&mut bytes, &[-0.0]);
        let read = |letters, bytes: &[u8]| Stored::read(letters, "taste", &Arc::new(bytes.to_vec()));
        let stored = read(b"test  01", &bytes).unwrap();
        assert_eq!(stored.ids, [3, 9]);
        assert_eq!(crate::fixture::bits(stored.values()), crate::fixture::bits(&[1.5, f32::NEG_INFINITY, -0.0]));
        let copied = Stored { ids: Vec::new(), values: Values::Copied(vec![2.0]) };
        assert_eq!(copied.values(), [2.0]);
        assert!(matches!(read(b"test  02", &bytes), Err(Error::Damaged { .. })));
        for len in 0..bytes.len() {
            assert!(matches!(read(b"test  01", &bytes[..len]), Err(Error::Damaged { .. })), "{len} bytes");
        }
    }
}
