//! `length`: how long a text is.

use crate::function::{Function, Node};
use crate::names::Cx;
use crate::operators::of_text;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "length",
    about: "The characters of a text; missing when there is none.",
    example: "length(movie.title)",
    params: &[],
    it: &Length,
};

struct Length;
impl Function for Length {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        of_text(call, 1, cx, |text| text.chars().count() as f32)
    }
}
