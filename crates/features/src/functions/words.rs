//! `words`: how many words a text has.

use crate::function::{Function, Node};
use crate::names::Cx;
use crate::operators::of_text;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "words",
    about: "The words of a text, which are what stands between white space; missing when there is no text.",
    example: "words(movie.title)",
    params: &[],
    it: &Words,
};

struct Words;
impl Function for Words {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        of_text(call, 1, cx, |text| text.split_whitespace().count() as f32)
    }
}
