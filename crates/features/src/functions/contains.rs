//! `contains`: whether a text holds a word.

use crate::function::{Function, Node};
use crate::names::Cx;
use crate::operators::of_text;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::{Call, Node as Tree};
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "contains",
    about: "Whether a text holds some characters one after the other, in upper or lower case; missing when there is no text.",
    example: "contains(movie.title, 'the')",
    params: &[],
    it: &Contains,
};

struct Contains;
impl Function for Contains {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        let wanted = match call.args.get(1).map(|e| (&e.node, &e.span)) {
            Some((Tree::Text(t), span)) if t.is_empty() => {
                return Err(Diagnostic::new(span.clone(), "every text holds the empty text"));
            }
            Some((Tree::Text(t), _)) => t.to_lowercase(),
            Some((_, span)) => return Err(Diagnostic::new(span.clone(), "`contains` looks for a quoted text")),
            None => String::new(),
        };
        let plain = wanted.is_ascii();
        of_text(call, 2, cx, move |text| {
            // Most texts need no copy: a window of bytes is compared as it is.
            let found = match plain && text.is_ascii() {
                true => text.as_bytes().windows(wanted.len()).any(|w| w.eq_ignore_ascii_case(wanted.as_bytes())),
                false => text.to_lowercase().contains(&wanted),
            };
            f32::from(found)
        })
    }
}
