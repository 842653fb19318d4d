//! What learned vectors that read texts share: whose texts they are, and the vectors of items.

use crate::learned::Learned;
use crate::source::{FitAsk, Memo};
use tamis_spec::decision::{Answer, Need};
use tamis_spec::diagnostic::{Diagnostic, Span};
use tamis_spec::encode::Encode;
use tamis_spec::param::{Param, ParamType};
use tamis_spec::system::{Part, System, Type};
use tamis_spec::vectors::Vectors;
use tamis_text::Remembering;

/// The text fields that `of` names: actors and fields, by index.
pub(crate) fn fields(part: &Part, system: &System) -> Result<Vec<(usize, usize)>, Diagnostic> {
    part.params.texts("of").iter().map(|path| field(&path.value, &path.span, system)).collect()
}

/// The text field that `ACTOR.FIELD` names: actor and field, by index.
pub(crate) fn field(path: &str, span: &Span, system: &System) -> Result<(usize, usize), Diagnostic> {
    let refused = |message: String| Diagnostic::new(span.clone(), message);
    let Some((actor, field)) = path.split_once('.') else {
        return Err(refused(format!("`of` names text fields, found `{path}`")).help("write ACTOR.FIELD"));
    };
    let Some(at) = system.actor(actor) else {
        let known = system.actors.iter().map(|a| a.name.value.as_str());
        return Err(Diagnostic::unknown(span.clone(), "actor", actor, known));
    };
    let texts = || system.actors[at].fields.iter().filter(|f| f.ty == Type::Text).map(|f| f.name.value.as_str());
    match system.actors[at].fields.iter().position(|f| f.name.value == field && f.ty == Type::Text) {
        Some(field) => Ok((at, field)),
        None => Err(Diagnostic::unknown(span.clone(), &format!("text field of `{actor}`"), field, texts())),
    }
}

/// The texts of every actor that the fields are of, those of one actor with a space between.
pub(crate) fn texts_of(fields: &[(usize, usize)], actor: usize, ask: &FitAsk<'_>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for (_, field) in fields.iter().filter(|(a, _)| *a == actor) {
        for (at, text) in (ask.texts)(actor, *field).into_iter().enumerate() {
            match out.get_mut(at) {
                Some(known) => {
                    known.push(' ');
                    known.push_str(&text);
                }
                None => out.push(text),
            }
        }
    }
    out
}

/// The vectors of items, where a field is of the actor that is ranked; NaN where a text says nothing.
pub(crate) fn items(fields: &[(usize, usize)], ask: &FitAsk<'_>, encoder: &dyn Encode) -> Vectors {
    let dimensions = encoder.dimensions();
    let mut values = Vec::new();
    let mut vector = Vec::new();
    for text in texts_of(fields, ask.system.decision.item, ask) {
        encoder.encode(&text, &mut vector);
        // A vector of zeros is like no other.
        vector.resize(dimensions, 0.0);
        values.extend_from_slice(&vector);
    }
    Vectors { values, dimensions }
}

/// The key with which a learned part is told what is asked.
pub(crate) const ASKS: Param = Param {
    name: "asks",
    ty: ParamType::Expression,
    required: false,
    about: "A text of the decision, `request.query`; its vector is then that of the actor that lists are for, `user.NAME`.",
};

/// The text of the decision that `asks` names.
pub(crate) fn asks(part: &Part) -> Vec<Need> {
    let at = part.params.span("asks").map_or(0, |span| span.start + 1);
    part.params.text("asks").map(|of| Need::Text { of: of.to_string(), at }).into_iter().collect()
}

/// An encoder as a learned vector: items have those of their texts, users that of what is asked.
pub(crate) struct Reads<E> {
    pub(crate) encoder: Remembering<E>,
    pub(crate) items: Vectors,
}

impl<E: Encode> Learned for Reads<E> {
    fn items(&self) -> &Vectors {
        &self.items
    }

    fn encoder(&self) -> Option<&dyn Encode> {
        Some(&self.encoder)
    }

    fn user(&self, _: u32, answers: &[Answer<'_>], _: &mut Memo, out: &mut [f32]) {
        out.fill(0.0);
        if let Some(Answer::Text(text)) = answers.first() {
            let mut vector = Vec::new();
            self.encoder.encode(text, &mut vector);
            out.iter_mut().zip(vector).for_each(|(o, v)| *o = v);
        }
    }
}
