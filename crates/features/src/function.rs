//! The door to feature functions: how a call is read, and what it becomes.

use crate::eval::{Ids, Lists, Numbers, Places, Sets, TextOf, Times, VectorsOf};
use crate::names::Cx;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;

/// A feature function.
pub trait Function: Sync {
    /// Checks the types of a call and returns what computes it; declares the cells it needs in `cx`.
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic>;
}

/// A type of the expression language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ty {
    /// A number; NaN is missing.
    Number,
    /// A truth value, as 0, 1 and NaN.
    Bool,
    /// A word of the dictionary.
    Category,
    /// A weighted set of words.
    Tags,
    /// A text.
    Text,
    /// A dense vector.
    Vector,
    /// A moment.
    Time,
    /// A latitude and a longitude.
    Place,
    /// An actor, by its index in the system.
    Actor(usize),
    /// The latest actors of a kind that somebody met.
    List(usize),
}

impl Ty {
    /// As an error message says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Bool => "true or false",
            Self::Category => "a category",
            Self::Tags => "tags",
            Self::Text => "a text",
            Self::Vector => "a vector",
            Self::Time => "a time",
            Self::Place => "a place",
            Self::Actor(_) => "an actor",
            Self::List(_) => "a list of actors",
        }
    }
}

/// How often a value is computed in a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Per {
    /// Once: it does not depend on the candidate.
    Decision,
    /// For each candidate.
    Candidate,
}

/// An expression that was checked: its type and what computes it.
pub struct Node {
    /// Its type.
    pub ty: Ty,
    /// How often it is computed.
    pub per: Per,
    /// What computes it.
    pub eval: Eval,
}

/// What computes an expression, by the form of its values.
pub enum Eval {
    /// Number and Bool.
    Numbers(Box<dyn Numbers>),
    /// Category and Actor.
    Ids(Box<dyn Ids>),
    /// Tags.
    Sets(Box<dyn Sets>),
    /// Vector.
    Vectors(Box<dyn VectorsOf>),
    /// Time.
    Times(Box<dyn Times>),
    /// Place.
    Places(Box<dyn Places>),
    /// Text.
    Texts(Box<dyn TextOf>),
    /// List.
    Lists(Box<dyn Lists>),
}

impl Node {
    /// A node of numbers.
    pub fn number(per: Per, of: impl Numbers + 'static) -> Self {
        Self { ty: Ty::Number, per, eval: Eval::Numbers(Box::new(of)) }
    }

    /// A node of truth values.
    pub fn bool(per: Per, of: impl Numbers + 'static) -> Self {
        Self { ty: Ty::Bool, per, eval: Eval::Numbers(Box::new(of)) }
    }
}
