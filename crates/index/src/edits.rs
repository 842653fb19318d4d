//! Words within a few edits of another, found in an ordered vocabulary without reading all of it.
//!
//! An edit puts a letter in, takes one out, changes one, or swaps two neighbours that are not edited again (optimal string alignment,
//! Damerau 1964). Only the cells of the table near its diagonal are kept, as no others can be within the distance.

use fst::Automaton;

/// The largest distance.
pub const EDITS_MAX: u8 = 2;
/// Cells near the diagonal.
const BAND: usize = 2 * EDITS_MAX as usize + 1;
/// More than any distance that counts.
const FAR: u8 = EDITS_MAX + 1;

/// Accepts the words within a distance of one word.
pub(crate) struct Edits {
    word: Vec<char>,
    distance: u8,
}

/// What is known after some bytes of a candidate.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// Letters read.
    n: usize,
    /// The table's last row and the one before: cell i is for `n + i - EDITS_MAX` letters of the word.
    row: [u8; BAND],
    above: [u8; BAND],
    last: char,
    /// Bytes of a letter that is not yet whole.
    bytes: [u8; 4],
    n_bytes: usize,
}

impl Edits {
    /// Of a word, at most `distance` away.
    pub(crate) fn of(word: &str, distance: u8) -> Self {
        Self { word: word.chars().collect(), distance: distance.min(EDITS_MAX) }
    }

    /// How far a candidate is; none beyond the distance.
    pub(crate) fn distance(&self, candidate: &str) -> Option<u8> {
        let mut state = self.start();
        for c in candidate.chars() {
            state = self.letter(&state, c);
            if !self.can_match(&state) {
                return None;
            }
        }
        self.found(&state)
    }

    /// The distance of what was read.
    fn found(&self, state: &State) -> Option<u8> {
        let cell = (self.word.len() + EDITS_MAX as usize).checked_sub(state.n).filter(|cell| *cell < BAND)?;
        (state.n_bytes == 0 && state.row[cell] <= self.distance).then(|| state.row[cell])
    }

    /// The next row of the table.
    fn letter(&self, state: &State, c: char) -> State {
        let n = state.n + 1;
        let mut row = [FAR; BAND];
        for cell in 0..BAND {
            let Some(j) = (n + cell).checked_sub(EDITS_MAX as usize).filter(|j| *j <= self.word.len()) else {
                continue;
            };
            let mut least = FAR;
            if j > 0 {
                least = least.min(state.row[cell] + u8::from(self.word[j - 1] != c));
            }
            if cell + 1 < BAND {
                least = least.min(state.row[cell + 1] + 1);
            }
            if cell > 0 {
                least = least.min(row[cell - 1] + 1);
            }
            if n > 1 && j > 1 && self.word[j - 2] == c && self.word[j - 1] == state.last {
                least = least.min(state.above[cell] + 1);
            }
            row[cell] = least.min(FAR);
        }
        State { n, row, above: state.row, last: c, bytes: [0; 4], n_bytes: 0 }
    }
}

impl Automaton for Edits {
    type State = State;

    fn start(&self) -> State {
        let mut row = [FAR; BAND];
        for (j, cell) in row[EDITS_MAX as usize..].iter_mut().enumerate().take(self.word.len() + 1) {
            *cell = j as u8;
        }
        State { n: 0, row, above: [FAR; BAND], last: '\0', bytes: [0; 4], n_bytes: 0 }
    }

    fn is_match(&self, state: &State) -> bool {
        self.found(state).is_some()
    }

    fn can_match(&self, state: &State) -> bool {
        state.row.iter().any(|d| *d <= self.distance)
    }

    fn accept(&self, state: &State, byte: u8) -> State {
        if byte < 128 {
            return self.letter(state, char::from(byte));
        }
        let mut next = state.clone();
        next.bytes[next.n_bytes.min(3)] = byte;
        next.n_bytes += 1;
        match std::str::from_utf8(&next.bytes[..next.n_bytes.min(4)]).ok().and_then(|s| s.chars().next()) {
            Some(c) => self.letter(state, c),
            None => next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The distance by definition.
    fn slow(a: &str, b: &str) -> usize {
        let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
        let mut d = vec![vec![0; b.len() + 1]; a.len() + 1];
        for i in 0..=a.len() {
            for j in 0..=b.len() {
                d[i][j] = match (i, j) {
                    (0, _) => j,
                    (_, 0) => i,
                    _ => {
                        let change = d[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                        let mut least = change.min(d[i - 1][j] + 1).min(d[i][j - 1] + 1);
                        if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                            least = least.min(d[i - 2][j - 2] + 1);
                        }
                        least
                    }
                };
            }
        }
        d[a.len()][b.len()]
    }

    #[test]
    fn a_candidate_is_as_far_as_the_definition_says() {
        let mut words = vec![String::new()];
        for n in 0..400u32 {
            let letters = ["a", "b", "é", "日"];
            words.push(
                (0..n % 7).map(|i| letters[(n.wrapping_mul(2_654_435_769) >> (i * 3 + 4)) as usize % 4]).collect(),
            );
        }
        for word in &words[..60] {
            for distance in 0..=2 {
                let edits = Edits::of(word, distance);
                for candidate in &words {
                    let expected = Some(slow(word, candidate) as u8).filter(|d| *d <= distance);
                    assert_eq!(edits.distance(candidate), expected, "{word} {candidate}");
                    let state = candidate.bytes().fold(edits.start(), |state, byte| edits.accept(&state, byte));
                    assert_eq!(edits.is_match(&state), expected.is_some(), "{word} {candidate}");
                }
            }
        }
    }
}
