//! Operators: arithmetic, comparisons, logic and choice, over columns. Missing in, missing out, but for `and`, `or` and `if`,
//! which are missing only where the answer hangs on what is missing.

use crate::call;
use crate::eval::{At, Ids, Numbers, Slot, TextOf, Times, with_ids};
use crate::function::{Eval, Node, Per, Ty};
use crate::names::Cx;
use tamis_spec::MISSING;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::{Binary, Call, Expr, Node as Tree, Unary};

/// `-x`, `not x`.
pub(crate) fn unary(op: Unary, of: &Expr, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
    let (per, x) = cx.number(of)?;
    Ok(match op {
        Unary::Minus => Node::number(per, Map { of: x, f: |v: f32| -v }),
        Unary::Not => Node::bool(per, Map { of: x, f: |v: f32| if v.is_nan() { v } else { f32::from(v == 0.0) } }),
    })
}

/// `a + b`, `a < b`, `a and b`, ...
pub(crate) fn binary(op: Binary, left: &Expr, right: &Expr, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
    if matches!(op, Binary::Equal | Binary::Unequal) {
        return equality(op == Binary::Unequal, left, right, cx);
    }
    let (per_a, a) = operand(op, left, cx)?;
    let (per_b, b) = operand(op, right, cx)?;
    let f: fn(f32, f32) -> f32 = match op {
        Binary::Add => |a, b| a + b,
        Binary::Subtract => |a, b| a - b,
        Binary::Multiply => |a, b| a * b,
        Binary::Divide => |a, b| if b == 0.0 { f32::NAN } else { a / b },
        Binary::Less => |a, b| truth(a, b, a < b),
        Binary::AtMost => |a, b| truth(a, b, a <= b),
        Binary::Greater => |a, b| truth(a, b, a > b),
        Binary::AtLeast => |a, b| truth(a, b, a >= b),
        Binary::And => |a, b| if a == 0.0 || b == 0.0 { 0.0 } else { truth(a, b, true) },
        Binary::Or => |a, b| if is_true(a) || is_true(b) { 1.0 } else { truth(a, b, false) },
        Binary::Equal | Binary::Unequal => unreachable!("equality has its own reading"),
    };
    let per = per_a.max(per_b);
    let of = Pair { a, per_a, b, per_b, f };
    let arithmetic = matches!(op, Binary::Add | Binary::Subtract | Binary::Multiply | Binary::Divide);
    Ok(if arithmetic { Node::number(per, of) } else { Node::bool(per, of) })
}

fn operand(op: Binary, e: &Expr, cx: &mut Cx<'_>) -> Result<(Per, Box<dyn Numbers>), Diagnostic> {
    let node = cx.node(e)?;
    match node.eval {
        Eval::Numbers(of) => Ok((node.per, of)),
        _ => Err(Diagnostic::new(e.span.clone(), format!("`{}` takes numbers, found {}", op.sign(), node.ty.name()))),
    }
}

fn is_true(v: f32) -> bool {
    v != 0.0 && !v.is_nan()
}

fn truth(a: f32, b: f32, answer: bool) -> f32 {
    if a.is_nan() || b.is_nan() { f32::NAN } else { f32::from(answer) }
}

/// `if c then a else b`.
pub(crate) fn choice(c: &Expr, a: &Expr, b: &Expr, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
    let ((per_c, c), (per_a, a), (per_b, b)) = (cx.number(c)?, cx.number(a)?, cx.number(b)?);
    Ok(Node::number(per_c.max(per_a).max(per_b), Choice { c: (per_c, c), a: (per_a, a), b: (per_b, b) }))
}

/// `a == b` of numbers, categories, actors, texts; a quoted text fits categories and texts.
fn equality(negated: bool, left: &Expr, right: &Expr, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
    match (&left.node, &right.node) {
        (_, Tree::Text(word)) => return literal(negated, left, word, cx),
        (Tree::Text(word), _) => return literal(negated, right, word, cx),
        _ => {}
    }
    let (a, b) = (cx.node(left)?, cx.node(right)?);
    let per = a.per.max(b.per);
    match (a.eval, b.eval) {
        (Eval::Numbers(x), Eval::Numbers(y)) => {
            let f: fn(f32, f32) -> f32 = if negated { |a, b| truth(a, b, a != b) } else { |a, b| truth(a, b, a == b) };
            Ok(Node::bool(per, Pair { a: x, per_a: a.per, b: y, per_b: b.per, f }))
        }
        (Eval::Ids(x), Eval::Ids(y)) if a.ty == b.ty => Ok(Node::bool(per, SameIds { a: x, b: y, negated })),
        _ => {
            let span = left.span.start..right.span.end;
            Err(Diagnostic::new(span, format!("{} cannot equal {}", a.ty.name(), b.ty.name())))
        }
    }
}

fn literal(negated: bool, of: &Expr, word: &str, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
    let node = cx.node(of)?;
    let word = word.to_string();
    match node.eval {
        Eval::Ids(ids) => Ok(Node::bool(node.per, IsWord { of: ids, ty: node.ty, word, negated })),
        Eval::Texts(of) => Ok(Node::bool(node.per, IsText { of, word, negated })),
        _ => Err(Diagnostic::new(of.span.clone(), format!("{} cannot equal a quoted text", node.ty.name()))),
    }
}

/// A function of one number.
pub(crate) struct Map<F> {
    pub(crate) of: Box<dyn Numbers>,
    pub(crate) f: F,
}
impl<F: Fn(f32) -> f32 + Send + Sync> Numbers for Map<F> {
    fn numbers(&self, at: &At<'_>, out: &mut [f32]) {
        self.of.numbers(at, out);
        out.iter_mut().for_each(|v| *v = (self.f)(*v));
    }
}

/// A function of two numbers; what is computed once for a decision is not computed for each row.
struct Pair {
    a: Box<dyn Numbers>,
    per_a: Per,
    b: Box<dyn Numbers>,
    per_b: Per,
    f: fn(f32, f32) -> f32,
}
impl Numbers for Pair {
    fn numbers(&self, at: &At<'_>, out: &mut [f32]) {
        match (self.per_a, self.per_b) {
            (Per::Candidate, Per::Decision) => {
                let b = once(self.b.as_ref(), at);
                self.a.numbers(at, out);
                out.iter_mut().for_each(|v| *v = (self.f)(*v, b));
            }
            (Per::Decision, Per::Candidate) => {
                let a = once(self.a.as_ref(), at);
                self.b.numbers(at, out);
                out.iter_mut().for_each(|v| *v = (self.f)(a, *v));
            }
            _ => at.scratch.numbers(out.len(), |b| {
                self.a.numbers(at, out);
                self.b.numbers(at, b);
                out.iter_mut().zip(b).for_each(|(v, b)| *v = (self.f)(*v, *b));
            }),
        }
    }
}

/// The value of an expression that is the same for all rows.
pub(crate) fn once(of: &dyn Numbers, at: &At<'_>) -> f32 {
    let mut value = [f32::NAN];
    of.numbers(&At { n: 1, ..*at }, &mut value);
    value[0]
}

struct Choice {
    c: (Per, Box<dyn Numbers>),
    a: (Per, Box<dyn Numbers>),
    b: (Per, Box<dyn Numbers>),
}
impl Numbers for Choice {
    fn numbers(&self, at: &At<'_>, out: &mut [f32]) {
        let n = out.len();
        at.scratch.numbers(n, |a| {
            at.scratch.numbers(n, |b| {
                spread(&self.c, at, out);
                spread(&self.a, at, a);
                spread(&self.b, at, b);
                for ((v, a), b) in out.iter_mut().zip(a).zip(b) {
                    *v = if v.is_nan() {
                        f32::NAN
                    } else if *v != 0.0 {
                        *a
                    } else {
                        *b
                    };
                }
            });
        });
    }
}

/// Fills `out`, computing once what is the same for all rows.
pub(crate) fn spread(of: &(Per, Box<dyn Numbers>), at: &At<'_>, out: &mut [f32]) {
    match of.0 {
        Per::Decision if out.len() > 1 => out.fill(once(of.1.as_ref(), at)),
        _ => of.1.numbers(at, out),
    }
}

struct SameIds {
    a: Box<dyn Ids>,
    b: Box<dyn Ids>,
    negated: bool,
}
impl Numbers for SameIds {
    fn numbers(&self, at: &At<'_>, out: &mut [f32]) {
        with_ids(self.a.as_ref(), at, |a| {
            with_ids(self.b.as_ref(), at, |b| {
                for (i, o) in out.iter_mut().enumerate() {
                    let (a, b) = (a.get(i), b.get(i));
                    *o = if a == MISSING || b == MISSING { f32::NAN } else { f32::from((a == b) != self.negated) };
                }
            });
        });
    }
}

struct IsWord {
    of: Box<dyn Ids>,
    ty: Ty,
    word: String,
    negated: bool,
}
impl Numbers for IsWord {
    fn numbers(&self, at: &At<'_>, out: &mut [f32]) {
        let id = match self.ty {
            Ty::Actor(actor) => at.actors.tables[actor].keys.find(&self.word),
            _ => at.actors.words.find(&self.word),
        };
        let answer = |found: u32| {
            if found == MISSING { f32::NAN } else { f32::from((found == id) != self.negated) }
        };
        with_ids(self.of.as_ref(), at, |slot| match slot {
            Slot::One(found) => out.fill(answer(found)),
            Slot::Many(ids) => out.iter_mut().zip(ids).for_each(|(o, found)| *o = answer(*found)),
        });
    }
}

struct IsText {
    of: Box<dyn TextOf>,
    word: String,
    negated: bool,
}
impl Numbers for IsText {
    fn numbers(&self, at: &At<'_>, out: &mut [f32]) {
        for (i, o) in out.iter_mut().enumerate() {
            let text = self.of.text(at, i);
            *o = if text.is_empty() { f32::NAN } else { f32::from((text == self.word) != self.negated) };
        }
    }
}

/// A number as it is written, with or without a minus.
pub(crate) fn written(function: &str, e: &Expr) -> Result<f32, Diagnostic> {
    match &e.node {
        Tree::Number(n) => Ok(*n as f32),
        Tree::Unary(Unary::Minus, of) => written(function, of).map(|n| -n),
        _ => Err(Diagnostic::new(e.span.clone(), format!("a bound of `{function}` is a written number"))),
    }
}

/// Numbers made of moments.
pub(crate) struct OfTimes<F> {
    pub(crate) of: Box<dyn Times>,
    /// (moment, now) to a number.
    pub(crate) f: F,
}
impl<F: Fn(i64, i64) -> f32 + Send + Sync> Numbers for OfTimes<F> {
    fn numbers(&self, at: &At<'_>, out: &mut [f32]) {
        at.scratch.times(out.len(), |times| {
            self.of.times(at, times);
            for (o, t) in out.iter_mut().zip(times) {
                *o = if *t == i64::MIN { f32::NAN } else { (self.f)(*t, at.now) };
            }
        });
    }
}

/// Reads a function of one moment and now.
pub(crate) fn of_time(
    call: &Call,
    cx: &mut Cx<'_>,
    f: impl Fn(i64, i64) -> f32 + Send + Sync + 'static,
) -> Result<Node, Diagnostic> {
    of_time_with(call, &[], cx, f)
}

/// The same, with named arguments that the caller reads.
pub(crate) fn of_time_with(
    call: &Call,
    named: &[&str],
    cx: &mut Cx<'_>,
    f: impl Fn(i64, i64) -> f32 + Send + Sync + 'static,
) -> Result<Node, Diagnostic> {
    call::shape(call, 1, named, false)?;
    let of = cx.node(&call.args[0])?;
    match of.eval {
        Eval::Times(times) => Ok(Node::number(of.per, OfTimes { of: times, f })),
        _ => Err(call::wrong(&call.name.0, call.args[0].span.clone(), "a time", of.ty.name())),
    }
}

/// Numbers made of texts; missing where there is none.
pub(crate) struct OfText<F> {
    of: Box<dyn TextOf>,
    f: F,
}
impl<F: Fn(&str) -> f32 + Send + Sync> Numbers for OfText<F> {
    fn numbers(&self, at: &At<'_>, out: &mut [f32]) {
        for (row, o) in out.iter_mut().enumerate() {
            let text = self.of.text(at, row);
            *o = if text.is_empty() { f32::NAN } else { (self.f)(text) };
        }
    }
}

/// Reads a function whose first of `n` arguments is a text.
pub(crate) fn of_text(
    call: &Call,
    n: usize,
    cx: &mut Cx<'_>,
    f: impl Fn(&str) -> f32 + Send + Sync + 'static,
) -> Result<Node, Diagnostic> {
    call::shape(call, n, &[], false)?;
    let of = cx.node(&call.args[0])?;
    match of.eval {
        Eval::Texts(text) => Ok(Node::number(of.per, OfText { of: text, f })),
        _ => Err(call::wrong(&call.name.0, call.args[0].span.clone(), "a text", of.ty.name())),
    }
}
