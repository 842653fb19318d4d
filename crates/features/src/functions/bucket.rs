//! `bucket`: which of some ranges a number lies in.

use crate::call;
use crate::function::{Function, Node};
use crate::names::Cx;
use crate::operators::{Map, written};
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "bucket",
    about: "How many of the written bounds, which ascend, a number has reached: 0 below the first; missing stays missing.",
    example: "bucket(movie.year, 1960, 1980, 2000)",
    params: &[],
    it: &Bucket,
};

/// Bounds at most.
const BOUNDS_MAX: usize = 255;

struct Bucket;
impl Function for Bucket {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        let n = call.args.len().clamp(2, BOUNDS_MAX + 1);
        call::shape(call, n, &[], false)?;
        let (per, of) = cx.number(&call.args[0])?;
        let bounds = call.args[1..].iter().map(|e| written("bucket", e)).collect::<Result<Vec<f32>, _>>()?;
        if let Some(at) = (1..bounds.len()).find(|i| bounds[*i] <= bounds[*i - 1]) {
            let message = format!("the bound {} does not come after {}", bounds[at], bounds[at - 1]);
            return Err(
                Diagnostic::new(call.args[at + 1].span.clone(), message).help("write bounds in ascending order")
            );
        }
        let place = move |v: f32| if v.is_nan() { v } else { bounds.partition_point(|b| *b <= v) as f32 };
        Ok(Node::number(per, Map { of, f: place }))
    }
}
