//! The language of features: text to a tree with places. What names and functions mean is checked elsewhere.

mod lex;
mod parse;

use crate::diagnostic::{Diagnostic, Span};
pub(crate) use parse::KEYWORDS;

/// An expression and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub node: Node,
    /// Bytes of the system file.
    pub span: Span,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// `0.5`
    Number(f64),
    /// `7d`: milliseconds.
    Duration(i64),
    /// `"M"`
    Text(String),
    /// `true`
    Bool(bool),
    /// `movie.genres`, `tweet.author.region`: names with their places.
    Path(Vec<(String, Span)>),
    /// `(user, movie)`
    Tuple(Vec<Expr>),
    /// `count(liked, by = movie)`
    Call(Call),
    /// `-x`, `not x`
    Unary(Unary, Box<Expr>),
    /// `x + y`
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// `if c then a else b`
    If(Box<Expr>, Box<Expr>, Box<Expr>),
}

/// A call of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The function.
    pub name: (String, Span),
    /// Arguments without a name.
    pub args: Vec<Expr>,
    /// `where CONDITION`, which may follow the first argument.
    pub condition: Option<Box<Expr>>,
    /// Arguments with a name.
    pub named: Vec<(String, Span, Expr)>,
}

/// Operators of one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unary {
    /// `-`
    Minus,
    /// `not`
    Not,
}

/// Operators of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `==`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `and`
    And,
    /// `or`
    Or,
}

impl Binary {
    /// As written.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Equal => "==",
            Self::Unequal => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
            Self::And => "and",
            Self::Or => "or",
        }
    }
}

/// Reads an expression; `offset` is where `text` starts in the file, added to every place.
pub fn parse(text: &str, offset: usize) -> Result<Expr, Diagnostic> {
    parse::parse(text, offset)
}

/// What `[label]` says: an event or a number of it, how soon, and which of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// `click`, `purchase.price`.
    pub of: Expr,
    /// `within 30m`: milliseconds.
    pub within_ms: Option<i64>,
    /// `where dwell >= 30`.
    pub condition: Option<Expr>,
}

/// Reads an outcome; `offset` as in [`parse`].
pub fn parse_outcome(text: &str, offset: usize) -> Result<Outcome, Diagnostic> {
    parse::outcome(text, offset)
}

impl Expr {
    /// Calls `f` on this expression and on everything in it, parents first.
    pub fn walk<'a>(&'a self, f: &mut impl FnMut(&'a Expr)) {
        f(self);
        match &self.node {
            Node::Tuple(parts) => parts.iter().for_each(|e| e.walk(f)),
            Node::Call(call) => {
                call.args.iter().for_each(|e| e.walk(f));
                if let Some(c) = &call.condition {
                    c.walk(f);
                }
                call.named.iter().for_each(|(_, _, e)| e.walk(f));
            }
            Node::Unary(_, a) => a.walk(f),
            Node::Binary(_, a, b) => {
                a.walk(f);
                b.walk(f);
            }
            Node::If(a, b, c) => {
                a.walk(f);
                b.walk(f);
                c.walk(f);
            }
            _ => {}
        }
    }
}
