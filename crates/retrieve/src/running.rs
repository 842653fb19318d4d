//! A value built from the items of a user's history, kept for the users asked about most recently and carried on when
//! their history has grown. Forgetting it changes no answer: it is built in the same order from the start or from where
//! it stood.

use rustc_hash::FxHashMap;
use std::any::Any;
use std::sync::{Arc, Weak};
use tamis_spec::decision::Visit;
use tamis_spec::mask::Mask;

/// What a memo keeps, as one type; made anew when it is not there or something else is.
pub(crate) fn kept<T: Default + Send + 'static>(kept: &mut Option<Box<dyn Any + Send>>) -> &mut T {
    if !kept.as_ref().is_some_and(|k| k.is::<T>()) {
        *kept = Some(Box::new(T::default()));
    }
    kept.as_mut().and_then(|k| k.downcast_mut()).expect("it was just seen to be of this type, or made")
}

/// Values of one fit `F` by user.
pub(crate) struct Running<F, T> {
    fit: Weak<F>,
    slots: Vec<Slot<T>>,
    slot_of: FxHashMap<u32, usize>,
    newest: usize,
    oldest: usize,
    seen: Mask,
    fresh: Vec<u32>,
}

struct Slot<T> {
    user: u32,
    newer: usize,
    older: usize,
    /// The history that the value is built from, repeats included.
    items: Vec<u32>,
    value: T,
}

const NONE: usize = usize::MAX;

impl<F, T> Default for Running<F, T> {
    fn default() -> Self {
        Self {
            fit: Weak::new(),
            slots: Vec::new(),
            slot_of: FxHashMap::default(),
            newest: NONE,
            oldest: NONE,
            seen: Mask::default(),
            fresh: Vec::new(),
        }
    }
}

impl<F, T: Default> Running<F, T> {
    /// The value of a user's history under `fit`, of at most `max_users` that are kept. `reset` makes a value that of an empty
    /// history; `add` takes in items in the order of their first visits, each once.
    pub(crate) fn of(
        &mut self,
        fit: &Arc<F>,
        max_users: usize,
        (user, visits): (u32, &[Visit]),
        reset: impl FnOnce(&mut T),
        add: impl FnOnce(&mut T, &[u32]),
    ) -> &T {
        if self.fit.as_ptr() != Arc::as_ptr(fit) {
            *self = Self { fit: Arc::downgrade(fit), ..Self::default() };
        }
        let (at, found) = self.take(user, max_users);
        let Slot { items, value, .. } = &mut self.slots[at];
        let grown = items.len() <= visits.len() && items.iter().zip(visits).all(|(i, v)| *i == v.item);
        if !found || !grown {
            items.clear();
            reset(value);
        }
        if items.len() < visits.len() {
            self.seen.clear();
            self.fresh.clear();
            for item in items.iter() {
                self.seen.insert(*item);
            }
            for visit in &visits[items.len()..] {
                if self.seen.insert(visit.item) {
                    self.fresh.push(visit.item);
                }
                items.push(visit.item);
            }
            add(value, &self.fresh);
        }
        &self.slots[at].value
    }

    /// The user's slot, now the newest, and whether it was theirs before.
    fn take(&mut self, user: u32, max_users: usize) -> (usize, bool) {
        let found = self.slot_of.get(&user).copied();
        let at = match found {
            Some(at) if at == self.newest => return (at, true),
            Some(at) => {
                self.unlink(at);
                at
            }
            None if self.slots.len() < max_users.max(1) => {
                self.slots.push(Slot { user, newer: NONE, older: NONE, items: Vec::new(), value: T::default() });
                self.slots.len() - 1
            }
            None => {
                let at = self.oldest;
                self.unlink(at);
                self.slot_of.remove(&self.slots[at].user);
                self.slots[at].user = user;
                at
            }
        };
        self.slot_of.insert(user, at);
        self.link(at);
        (at, found.is_some())
    }

    fn unlink(&mut self, at: usize) {
        let (newer, older) = (self.slots[at].newer, self.slots[at].older);
        match newer {
            NONE => self.newest = older,
            newer => self.slots[newer].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => self.slots[older].newer = newer,
        }
    }

    fn link(&mut self, at: usize) {
        (self.slots[at].newer, self.slots[at].older) = (NONE, self.newest);
        match self.newest {
            NONE => self.oldest = at,
            newest => self.slots[newest].newer = at,
        }
        self.newest = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::visits;

    /// The value of a history, and how many items had to be added for it.
    fn ask(running: &mut Running<u8, Vec<u32>>, fit: &Arc<u8>, user: u32, items: &[u32]) -> (Vec<u32>, usize) {
        let mut n_added = 0;
        let value = running.of(fit, 2, (user, &visits(items)), Vec::clear, |value, fresh| {
            n_added = fresh.len();
            value.extend_from_slice(fresh);
        });
        (value.clone(), n_added)
    }

    #[test]
    fn only_what_was_appended_is_added_and_anything_else_starts_over() {
        let (mut running, fit) = (Running::default(), Arc::new(0));
        let mut check = |user, items: &[u32], expected: &[u32], n_added| {
            assert_eq!(ask(&mut running, &fit, user, items), (expected.to_vec(), n_added), "user {user}, {items:?}");
        };
        check(5, &[1, 2, 1], &[1, 2], 2);
        check(5, &[1, 2, 1], &[1, 2], 0);
        check(5, &[1, 2, 1, 2, 3], &[1, 2, 3], 1);
        check(5, &[1, 2], &[1, 2], 2);
        check(5, &[2, 1, 3], &[2, 1, 3], 3);
        check(6, &[], &[], 0);
        check(6, &[4], &[4], 1);
        check(5, &[2, 1, 3, 4], &[2, 1, 3, 4], 1);
        check(7, &[9], &[9], 1);
        check(6, &[4, 5], &[4, 5], 2);
        check(7, &[9, 8], &[9, 8], 1);
        check(5, &[2, 1, 3, 4], &[2, 1, 3, 4], 4);
    }

    #[test]
    fn values_of_another_fit_are_forgotten() {
        let (mut running, fit) = (Running::default(), Arc::new(0));
        assert_eq!(ask(&mut running, &fit, 5, &[1, 2]).1, 2);
        assert_eq!(ask(&mut running, &fit.clone(), 5, &[1, 2]).1, 0);
        assert_eq!(ask(&mut running, &Arc::new(0), 5, &[1, 2]).1, 2);
    }
}
