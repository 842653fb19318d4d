//! What the parts of a system say of each other: roles and fields of events, and who plays what in the decision.

use super::{FieldSpec, Origin, RoleSpec, System};
use crate::expr::Expr;

impl System {
    /// The actor of that name.
    pub fn actor(&self, name: &str) -> Option<usize> {
        self.actors.iter().position(|a| a.name.value == name)
    }

    /// The event of that name, declared or derived.
    pub fn event(&self, name: &str) -> Option<usize> {
        self.events.iter().position(|e| e.name.value == name)
    }

    /// The learned part of that name.
    pub fn learned(&self, name: &str) -> Option<usize> {
        self.learned.iter().position(|l| l.name.value == name)
    }

    /// How many events are declared: they stand before the derived ones.
    pub fn n_declared(&self) -> usize {
        self.events.iter().filter(|e| matches!(e.origin, Origin::Declared { .. })).count()
    }

    /// The declared event behind an event: itself, or the one it is derived from.
    pub fn base(&self, event: usize) -> usize {
        match self.events[event].origin {
            Origin::Declared { .. } => event,
            Origin::Derived { base, .. } => base,
        }
    }

    /// Roles of an event, those of its base for a derived one.
    pub fn roles(&self, event: usize) -> &[RoleSpec] {
        match &self.events[self.base(event)].origin {
            Origin::Declared { roles, .. } => roles,
            Origin::Derived { .. } => &[],
        }
    }

    /// Fields of an event, those of its base for a derived one.
    pub fn event_fields(&self, event: usize) -> &[FieldSpec] {
        match &self.events[self.base(event)].origin {
            Origin::Declared { fields, .. } => fields,
            Origin::Derived { .. } => &[],
        }
    }

    /// The event that says an item was right: that of `each`, or of the label.
    pub fn positive(&self) -> usize {
        let labelled = self.label.grades.first().map(|g| g.outcome.event);
        if self.decision.lists.is_some() { labelled.unwrap_or(self.decision.event) } else { self.decision.event }
    }

    /// Fields of the decision's event that say what turned out: those that an outcome in its own rows reads.
    pub fn label_fields(&self) -> Vec<usize> {
        let fields = self.event_fields(self.decision.event);
        let own = self.base(self.decision.event);
        let mut out = Vec::new();
        let mut collect = |e: &Expr| {
            e.walk(&mut |e| {
                if let crate::expr::Node::Path(names) = &e.node {
                    let named = |f: &FieldSpec| names.iter().any(|(name, _)| *name == f.name.value);
                    out.extend(fields.iter().position(named));
                }
            });
        };
        let label = &self.label;
        for outcome in label.grades.iter().map(|g| &g.outcome).chain(label.against.iter().map(|(_, o)| o)) {
            if self.base(outcome.event) != own {
                continue;
            }
            outcome.condition.iter().chain(&outcome.amount).for_each(&mut collect);
            if let Origin::Derived { condition, .. } = &self.events[outcome.event].origin {
                collect(condition);
            }
        }
        out
    }

    /// The role of an event that the decision's `for` plays, as an index into its roles: the one of that name, else the first of that
    /// actor when `item` is another actor.
    pub fn user_role(&self, event: usize) -> Option<usize> {
        self.role_of(event, &self.decision.user_name, self.decision.user)
    }

    /// The role of an event that the decision's `item` plays.
    pub fn item_role(&self, event: usize) -> Option<usize> {
        self.role_of(event, &self.decision.item_name, self.decision.item)
    }

    fn role_of(&self, event: usize, name: &str, actor: usize) -> Option<usize> {
        let named = self.roles(event).iter().position(|r| r.role.value == name && r.actor == actor);
        let played = || self.roles(event).iter().position(|r| r.actor == actor);
        named.or_else(|| (self.decision.user != self.decision.item).then(played).flatten())
    }
}
