//! Tokens to a tree. Loosest first: `if`, `or`, `and`, `not`, comparisons, sums, products, `-`, calls and paths.

use super::lex::{Token, tokens};
use super::{Binary, Call, Expr, Node, Outcome, Unary};
use crate::diagnostic::{Diagnostic, Span};

/// Expressions nest at most so deep.
const DEPTH_MAX: usize = 64;

struct Parser {
    tokens: Vec<(Token, Span)>,
    next: usize,
    end: usize,
    depth: usize,
}

pub(super) fn parse(text: &str, offset: usize) -> Result<Expr, Diagnostic> {
    let mut p = Parser { tokens: tokens(text, offset)?, next: 0, end: offset + text.len(), depth: 0 };
    let expr = p.expr()?;
    match p.tokens.get(p.next) {
        None => Ok(expr),
        Some(_) => Err(p.unexpected("the end of the expression or an operator")),
    }
}

pub(super) fn outcome(text: &str, offset: usize) -> Result<Outcome, Diagnostic> {
    let mut p = Parser { tokens: tokens(text, offset)?, next: 0, end: offset + text.len(), depth: 0 };
    let mut out = Outcome { of: p.sum()?, within_ms: None, condition: None };
    loop {
        if out.within_ms.is_none() && p.word("within") {
            let Some((Token::Duration(ms), _)) = p.tokens.get(p.next).cloned() else {
                return Err(p.unexpected("a time span such as 30m"));
            };
            p.next += 1;
            out.within_ms = Some(ms);
        } else if out.condition.is_none() && p.word("where") {
            out.condition = Some(p.expr()?);
        } else if p.next == p.tokens.len() {
            return Ok(out);
        } else {
            return Err(p.unexpected("`within`, `where` or the end"));
        }
    }
}

impl Parser {
    fn expr(&mut self) -> Result<Expr, Diagnostic> {
        self.deeper(|p| if p.word("if") { p.choice() } else { p.either() })
    }

    fn deeper(&mut self, read: impl FnOnce(&mut Self) -> Result<Expr, Diagnostic>) -> Result<Expr, Diagnostic> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Diagnostic::new(self.here(), format!("the expression nests deeper than {DEPTH_MAX}")));
        }
        let expr = read(self)?;
        self.depth -= 1;
        Ok(expr)
    }

    fn choice(&mut self) -> Result<Expr, Diagnostic> {
        let start = self.tokens[self.next - 1].1.start;
        let condition = self.expr()?;
        self.expect_word("then")?;
        let yes = self.expr()?;
        self.expect_word("else")?;
        let no = self.expr()?;
        let span = start..no.span.end;
        Ok(Expr { node: Node::If(Box::new(condition), Box::new(yes), Box::new(no)), span })
    }

    fn either(&mut self) -> Result<Expr, Diagnostic> {
        let mut left = self.both()?;
        while self.word("or") {
            left = binary(Binary::Or, left, self.both()?);
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Expr, Diagnostic> {
        let mut left = self.negated()?;
        while self.word("and") {
            left = binary(Binary::And, left, self.negated()?);
        }
        Ok(left)
    }

    fn negated(&mut self) -> Result<Expr, Diagnostic> {
        if self.word("not") {
            let start = self.tokens[self.next - 1].1.start;
            let of = self.deeper(Self::negated)?;
            return Ok(Expr { span: start..of.span.end, node: Node::Unary(Unary::Not, Box::new(of)) });
        }
        let left = self.sum()?;
        let op = match self.peek() {
            Some(Token::Sign("==")) => Binary::Equal,
            Some(Token::Sign("!=")) => Binary::Unequal,
            Some(Token::Sign("<")) => Binary::Less,
            Some(Token::Sign("<=")) => Binary::AtMost,
            Some(Token::Sign(">")) => Binary::Greater,
            Some(Token::Sign(">=")) => Binary::AtLeast,
            Some(Token::Sign("=")) => {
                return Err(Diagnostic::new(self.here(), "`=` compares nothing").help("write `==`"));
            }
            _ => return Ok(left),
        };
        self.next += 1;
        Ok(binary(op, left, self.sum()?))
    }

    fn sum(&mut self) -> Result<Expr, Diagnostic> {
        let mut left = self.product()?;
        loop {
            let op = match self.peek() {
                Some(Token::Sign("+")) => Binary::Add,
                Some(Token::Sign("-")) => Binary::Subtract,
                _ => return Ok(left),
            };
            self.next += 1;
            left = binary(op, left, self.product()?);
        }
    }

    fn product(&mut self) -> Result<Expr, Diagnostic> {
        let mut left = self.signed()?;
        loop {
            let op = match self.peek() {
                Some(Token::Sign("*")) => Binary::Multiply,
                Some(Token::Sign("/")) => Binary::Divide,
                _ => return Ok(left),
            };
            self.next += 1;
            left = binary(op, left, self.signed()?);
        }
    }

    fn signed(&mut self) -> Result<Expr, Diagnostic> {
        if self.sign("-") {
            let start = self.tokens[self.next - 1].1.start;
            let of = self.deeper(Self::signed)?;
            return Ok(Expr { span: start..of.span.end, node: Node::Unary(Unary::Minus, Box::new(of)) });
        }
        self.primary()
    }

    fn primary(&mut self) -> Result<Expr, Diagnostic> {
        let Some((token, span)) = self.tokens.get(self.next).cloned() else {
            return Err(self.unexpected("a value"));
        };
        self.next += 1;
        let node = match token {
            Token::Number(n) => Node::Number(n),
            Token::Duration(ms) => Node::Duration(ms),
            Token::Text(t) => Node::Text(t),
            Token::Name(name) if name == "true" || name == "false" => Node::Bool(name == "true"),
            Token::Name(name) if KEYWORDS.contains(&name.as_str()) => {
                self.next -= 1;
                return Err(self.unexpected("a value"));
            }
            Token::Name(name) if self.sign("(") => return self.call((name, span)),
            Token::Name(name) => return self.path((name, span)),
            Token::Sign("(") => return self.bracket(span),
            Token::Sign(_) => {
                self.next -= 1;
                return Err(self.unexpected("a value"));
            }
        };
        Ok(Expr { node, span })
    }

    fn bracket(&mut self, open: Span) -> Result<Expr, Diagnostic> {
        let mut parts = vec![self.expr()?];
        while self.sign(",") {
            parts.push(self.expr()?);
        }
        let end = self.close(&open)?;
        if parts.len() == 1 {
            let inner = parts.remove(0);
            return Ok(Expr { node: inner.node, span: open.start..end });
        }
        Ok(Expr { node: Node::Tuple(parts), span: open.start..end })
    }

    fn path(&mut self, first: (String, Span)) -> Result<Expr, Diagnostic> {
        let (start, mut end) = (first.1.start, first.1.end);
        let mut names = vec![first];
        while self.sign(".") {
            match self.tokens.get(self.next).cloned() {
                Some((Token::Name(name), span)) => {
                    end = span.end;
                    names.push((name, span));
                    self.next += 1;
                }
                _ => return Err(self.unexpected("a field's name")),
            }
        }
        Ok(Expr { node: Node::Path(names), span: start..end })
    }

    fn call(&mut self, name: (String, Span)) -> Result<Expr, Diagnostic> {
        let (start, open) = (name.1.start, self.tokens[self.next - 1].1.clone());
        let mut call = Call { name, args: Vec::new(), condition: None, named: Vec::new() };
        while self.peek() != Some(&Token::Sign(")")) {
            self.argument(&mut call)?;
            if !self.sign(",") {
                break;
            }
        }
        let end = self.close(&open)?;
        Ok(Expr { node: Node::Call(call), span: start..end })
    }

    fn argument(&mut self, call: &mut Call) -> Result<(), Diagnostic> {
        if let (Some((Token::Name(name), span)), Some((Token::Sign("="), _))) =
            (self.tokens.get(self.next).cloned(), self.tokens.get(self.next + 1))
        {
            self.next += 2;
            if call.named.iter().any(|(n, _, _)| *n == name) {
                return Err(Diagnostic::new(span, format!("`{name}` is given twice")));
            }
            let value = self.expr()?;
            call.named.push((name, span, value));
            return Ok(());
        }
        if !call.named.is_empty() {
            return Err(Diagnostic::new(self.here(), "an argument without a name stands behind one with a name"));
        }
        call.args.push(self.expr()?);
        if self.word("where") {
            if call.args.len() > 1 {
                let span = self.tokens[self.next - 1].1.clone();
                return Err(Diagnostic::new(span, "`where` stands behind the first argument only"));
            }
            call.condition = Some(Box::new(self.expr()?));
        }
        Ok(())
    }

    fn close(&mut self, open: &Span) -> Result<usize, Diagnostic> {
        if self.sign(")") {
            return Ok(self.tokens[self.next - 1].1.end);
        }
        if self.next == self.tokens.len() {
            return Err(Diagnostic::new(open.clone(), "this bracket is never closed").help("add `)`"));
        }
        Err(self.unexpected("`,` or `)`"))
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(t, _)| t)
    }

    fn sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(s)) if *s == sign);
        self.next += usize::from(found);
        found
    }

    fn word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Name(n)) if n == word);
        self.next += usize::from(found);
        found
    }

    fn expect_word(&mut self, word: &str) -> Result<(), Diagnostic> {
        if self.word(word) { Ok(()) } else { Err(self.unexpected(&format!("`{word}`"))) }
    }

    fn here(&self) -> Span {
        self.tokens.get(self.next).map_or(self.end..self.end, |(_, s)| s.clone())
    }

    fn unexpected(&self, wanted: &str) -> Diagnostic {
        let found = match self.peek() {
            None => "the end".to_string(),
            Some(Token::Name(n)) => format!("`{n}`"),
            Some(Token::Sign(s)) => format!("`{s}`"),
            Some(Token::Text(t)) => format!("\"{t}\""),
            Some(Token::Number(n)) => format!("`{n}`"),
            Some(Token::Duration(_)) => "a time span".to_string(),
        };
        Diagnostic::new(self.here(), format!("expected {wanted}, found {found}"))
    }
}

/// Words that no actor, field or function can be called.
pub(crate) const KEYWORDS: [&str; 7] = ["if", "then", "else", "and", "or", "not", "where"];

fn binary(op: Binary, left: Expr, right: Expr) -> Expr {
    let span = left.span.start..right.span.end;
    Expr { node: Node::Binary(op, Box::new(left), Box::new(right)), span }
}

#[cfg(test)]
mod tests {
    use crate::expr::{Expr, Node, Unary, parse};

    /// The tree with a bracket around everything that binds.
    fn show(e: &Expr) -> String {
        match &e.node {
            Node::Number(n) => n.to_string(),
            Node::Duration(ms) => format!("{ms}ms"),
            Node::Text(t) => format!("{t:?}"),
            Node::Bool(b) => b.to_string(),
            Node::Path(names) => names.iter().map(|n| n.0.as_str()).collect::<Vec<_>>().join("."),
            Node::Tuple(parts) => format!("<{}>", parts.iter().map(show).collect::<Vec<_>>().join(" ")),
            Node::Call(c) => {
                let mut parts: Vec<String> = c.args.iter().map(show).collect();
                parts.extend(c.condition.iter().map(|e| format!("where {}", show(e))));
                parts.extend(c.named.iter().map(|(n, _, e)| format!("{n}={}", show(e))));
                format!("{}[{}]", c.name.0, parts.join(" "))
            }
            Node::Unary(Unary::Minus, a) => format!("(-{})", show(a)),
            Node::Unary(Unary::Not, a) => format!("(not {})", show(a)),
            Node::Binary(op, a, b) => format!("({} {} {})", show(a), op.sign(), show(b)),
            Node::If(a, b, c) => format!("(if {} {} {})", show(a), show(b), show(c)),
        }
    }

    #[test]
    fn operators_bind_as_in_arithmetic() {
        let check = |text, tree: &str| assert_eq!(parse(text, 0).map(|e| show(&e)), Ok(tree.to_string()), "{text}");
        check("1 + 2 * 3 - 4", "((1 + (2 * 3)) - 4)");
        check("-x * 2", "((-x) * 2)");
        check("a > 1 and not b == 2 or c", "(((a > 1) and (not (b == 2))) or c)");
        check("if a > 1 then b else c + 1", "(if (a > 1) b (c + 1))");
        check("(1 + 2) / 3", "((1 + 2) / 3)");
        check("tweet.author.region", "tweet.author.region");
        check("1e-3 + 2.5e2", "(0.001 + 250)");
    }

    #[test]
    fn calls_take_a_condition_and_named_arguments() {
        let check = |text, tree: &str| assert_eq!(parse(text, 0).map(|e| show(&e)), Ok(tree.to_string()), "{text}");
        check("count(liked, by = (user, movie), within = 7d)", "count[liked by=<user movie> within=604800000ms]");
        check("sum(sale.amount where sale.amount > 3, by = user)", "sum[sale.amount where (sale.amount > 3) by=user]");
        check("rate(click / impression, by = movie)", "rate[(click / impression) by=movie]");
    }

    #[test]
    fn an_error_points_at_the_character() {
        let check = |text: &str, at: &str, message: &str| {
            let error = parse(text, 0).expect_err(text);
            assert_eq!((&text[error.span.clone()], error.message.as_str()), (at, message), "{text}");
        };
        check("1 +", "", "expected a value, found the end");
        check("count(liked, by = movie", "(", "this bracket is never closed");
        check("user.", "", "expected a field's name, found the end");
        check("user.age = 3", "=", "`=` compares nothing");
        check("7q", "q", "`q` is not a unit of time");
        check("a # b", "#", "`#` begins nothing that an expression can hold");
        check("\"abc", "\"abc", "a quoted text does not end");
        check("f(a = 1, a = 2)", "a", "`a` is given twice");
        check("f(a = 1, 2)", "2", "an argument without a name stands behind one with a name");
        check("if a then b", "", "expected `else`, found the end");
        check("1 2", "2", "expected the end of the expression or an operator, found `2`");
    }

    #[test]
    fn deep_nesting_is_refused_and_not_followed() {
        for deep in ["(".repeat(100_000), "-".repeat(100_000), format!("{}x", "not ".repeat(100_000))] {
            assert!(parse(&deep, 0).is_err());
        }
    }
}
