//! `embed`: a text as a vector.

use crate::call;
use crate::eval::{At, TextOf, VectorsOf};
use crate::function::{Eval, Function, Node, Ty};
use crate::names::Cx;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::{Call, Node as Tree};
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "embed",
    about: "The vector of a text by a [learned.NAME] that reads texts (`encoder`, `lsa`), to compare with `cosine` and `dot`; missing when nothing in the text is known.",
    example: "cosine(embed(movie.title, taste), movie.taste)",
    params: &[],
    it: &Embed,
};

struct Embed;
impl Function for Embed {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        call::shape(call, 2, &[], false)?;
        let of = cx.quoted(&call.args[0])?;
        let Eval::Texts(text) = of.eval else {
            return Err(call::wrong("embed", call.args[0].span.clone(), "a text", of.ty.name()));
        };
        let span = call.args[1].span.clone();
        let known = cx.system.learned.iter().map(|l| l.name.value.as_str());
        let name = match &call.args[1].node {
            Tree::Path(names) if names.len() == 1 => &names[0].0,
            _ => return Err(Diagnostic::new(span, "`embed` takes the name of a [learned.NAME] in the second place")),
        };
        let learned =
            cx.system.learned(name).ok_or_else(|| Diagnostic::unknown(span, "learned vector", name, known))?;
        Ok(Node { ty: Ty::Vector, per: of.per, eval: Eval::Vectors(Box::new(Encoded { text, learned })) })
    }
}

struct Encoded {
    text: Box<dyn TextOf>,
    learned: usize,
}

impl VectorsOf for Encoded {
    fn vector<'a>(&self, at: &At<'a>, row: usize, buffer: &'a mut Vec<f32>) -> &'a [f32] {
        buffer.clear();
        if let Some(Some(encoder)) = at.encoders.get(self.learned) {
            let text = self.text.text(at, row);
            if !text.is_empty() {
                encoder.encode(text, buffer);
            }
        }
        buffer
    }
}
