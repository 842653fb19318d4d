//! Rows: the numbers and moments that cells keep of one key stand side by side, so that reading or updating all of them waits for
//! memory once. Words of eight bytes come first in a row, halves of four behind them.

use super::memory::{large_pages, prefetch};
use super::{CellSpec, Cells, What, cell};
use bytemuck::{cast_slice, cast_slice_mut};

/// The rows of one key space, by dense key; keys past the end were never met.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    /// The row of a key that was never met; as long as every row.
    empty: Vec<u64>,
    words: Vec<u64>,
}

/// Where in the row of its key a cell's value stands, and what it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Field {
    /// How many events, as a half: up to 2^32 of them.
    Count {
        /// Halves before it in the row.
        half: usize,
    },
    /// A sum, as a word.
    Sum {
        /// Words before it in the row.
        word: usize,
    },
    /// A sum and the moment to which it is faded, as two words.
    Fading {
        /// Words before it in the row.
        word: usize,
        /// Time to one half.
        half_life_ms: i64,
    },
    /// The latest number, as a half; NaN when never met.
    LastNumber {
        /// Halves before it in the row.
        half: usize,
    },
    /// A moment, as a word; `i64::MIN` when never met.
    Time {
        /// Words before it in the row.
        word: usize,
        /// Keeps the first, not the last.
        first: bool,
    },
}

impl Field {
    /// What a cell would be in a row, its place still open: none for what has a form of its own for every key.
    fn of(spec: &CellSpec) -> Option<Self> {
        let count = spec.value.is_none();
        match spec.what {
            _ if spec.in_columns => None,
            What::Total | What::Window { .. } if count => Some(Self::Count { half: 0 }),
            What::Total | What::Window { .. } => Some(Self::Sum { word: 0 }),
            What::Decay { half_life_ms } => Some(Self::Fading { word: 0, half_life_ms }),
            What::LastNumber => Some(Self::LastNumber { half: 0 }),
            What::LastTime => Some(Self::Time { word: 0, first: false }),
            What::FirstTime => Some(Self::Time { word: 0, first: true }),
            _ => None,
        }
    }

    /// Adds a number to a count or sum.
    #[inline]
    pub(super) fn add(self, row: &mut [u64], value: f32) {
        match self {
            Self::Count { half } => {
                let at = &mut cast_slice_mut::<u64, u32>(row)[half];
                *at = at.wrapping_add_signed(value as i32);
            }
            Self::Sum { word } => row[word] = (f64::from_bits(row[word]) + f64::from(value)).to_bits(),
            _ => {}
        }
    }

    /// Takes in an event with that number.
    #[inline]
    pub(super) fn take_in(self, row: &mut [u64], value: f32, time: i64) {
        match self {
            Self::Count { .. } | Self::Sum { .. } => self.add(row, value),
            Self::Fading { word, half_life_ms } => {
                let (sum, at) = (f64::from_bits(row[word]), row[word + 1] as i64);
                row[word] = (cell::faded(sum, time - at, half_life_ms) + f64::from(value)).to_bits();
                row[word + 1] = time as u64;
            }
            Self::LastNumber { half } => cast_slice_mut::<u64, f32>(row)[half] = value,
            Self::Time { word, first } => {
                if !first || row[word] as i64 == i64::MIN {
                    row[word] = time as u64;
                }
            }
        }
    }

    /// A count or sum, faded to `now`.
    #[inline]
    pub(super) fn sum(self, row: &[u64], now: i64) -> f64 {
        match self {
            Self::Count { half } => f64::from(cast_slice::<u64, u32>(row)[half]),
            Self::Sum { word } => f64::from_bits(row[word]),
            Self::Fading { word, half_life_ms } => {
                f64::from_bits(row[word]) * f64::from(cell::fade(now - row[word + 1] as i64, half_life_ms))
            }
            _ => 0.0,
        }
    }

    /// The latest number.
    #[inline]
    pub(super) fn number(self, row: &[u64]) -> f32 {
        if let Self::LastNumber { half } = self { cast_slice::<u64, f32>(row)[half] } else { f32::NAN }
    }

    /// A moment; `i64::MIN` when there was none.
    #[inline]
    pub(super) fn time(self, row: &[u64]) -> i64 {
        if let Self::Time { word, .. } = self { row[word] as i64 } else { i64::MIN }
    }
}

/// Where every cell stands in its space's rows, if it does, and the rows of every space with no key yet.
pub(super) fn layout(cells: &Cells) -> (Vec<Option<Field>>, Vec<Rows>) {
    let mut fields: Vec<Option<Field>> = cells.specs.iter().map(Field::of).collect();
    let rows = (0..cells.spaces.len()).map(|space| {
        let mut row = Rows::default();
        let mut of_space: Vec<&mut Field> = Vec::new();
        for (field, _) in fields.iter_mut().zip(&cells.specs).filter(|(_, spec)| spec.space == space) {
            of_space.extend(field.as_mut());
        }
        for field in &mut of_space {
            match field {
                Field::Sum { word } | Field::Fading { word, .. } | Field::Time { word, .. } => *word = row.empty.len(),
                Field::Count { .. } | Field::LastNumber { .. } => {}
            }
            match field {
                Field::Sum { .. } => row.empty.push(0f64.to_bits()),
                Field::Fading { .. } => row.empty.extend([0f64.to_bits(), 0]),
                Field::Time { .. } => row.empty.push(i64::MIN as u64),
                Field::Count { .. } | Field::LastNumber { .. } => {}
            }
        }
        let (words, mut n) = (row.empty.len(), 0);
        for field in of_space {
            if let Field::Count { half } | Field::LastNumber { half } = field {
                *half = words * 2 + n;
                n += 1;
                row.empty.resize(words + n.div_ceil(2), 0);
                let empty = if matches!(field, Field::LastNumber { .. }) { f32::NAN.to_bits() } else { 0 };
                cast_slice_mut::<u64, u32>(&mut row.empty)[words * 2 + n - 1] = empty;
            }
        }
        row
    });
    let rows = rows.collect();
    (fields, rows)
}

impl Rows {
    /// Makes room for keys below `n`.
    pub(super) fn grow(&mut self, n: usize) {
        let width = self.empty.len();
        if width == 0 {
            return;
        }
        let known = self.words.len() / width;
        if known < n {
            let before = self.words.capacity();
            self.words.reserve((n - known) * width);
            if self.words.capacity() != before {
                large_pages(&self.words);
            }
            (known..n).for_each(|_| self.words.extend_from_slice(&self.empty));
        }
    }

    /// The row of a key; none for one that was never met.
    #[inline]
    pub(super) fn get(&self, key: u32) -> Option<&[u64]> {
        let width = self.empty.len();
        let start = key as usize * width;
        self.words.get(start..start + width)
    }

    /// The row of a key that there is room for.
    #[inline]
    pub(super) fn get_mut(&mut self, key: u32) -> &mut [u64] {
        let width = self.empty.len();
        let start = key as usize * width;
        &mut self.words[start..start + width]
    }

    /// Asks for the row of a key to be near when it is read.
    #[inline]
    pub(super) fn prefetch(&self, key: u32) {
        if let Some(row) = self.get(key) {
            row.iter().step_by(WORDS_A_LINE).chain(row.last()).for_each(prefetch);
        }
    }

    /// Resident bytes, near enough.
    pub(super) fn bytes(&self) -> usize {
        self.words.len() * 8
    }
}

/// Words of a cache line.
const WORDS_A_LINE: usize = 8;
