//! `distance`: how far two places are apart.

use crate::call;
use crate::eval::{At, Numbers, Places};
use crate::function::{Eval, Function, Node};
use crate::names::Cx;
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::Call;
use tamis_spec::kind::Kind;

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "distance",
    about: "Kilometres between two places along a great circle; missing when one of them is.",
    example: "distance(user.home, movie.cinema)",
    params: &[],
    it: &Distance,
};

/// The earth's mean radius, km (IUGG).
const RADIUS_KM: f64 = 6371.0088;

struct Distance;
impl Function for Distance {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        call::shape(call, 2, &[], false)?;
        let mut place = |i: usize| {
            let node = cx.node(&call.args[i])?;
            match node.eval {
                Eval::Places(of) => Ok((node.per, of)),
                _ => Err(call::wrong("distance", call.args[i].span.clone(), "places", node.ty.name())),
            }
        };
        let ((per_a, a), (per_b, b)) = (place(0)?, place(1)?);
        Ok(Node::number(per_a.max(per_b), Between { a, b }))
    }
}

struct Between {
    a: Box<dyn Places>,
    b: Box<dyn Places>,
}

impl Numbers for Between {
    fn numbers(&self, at: &At<'_>, out: &mut [f32]) {
        out.iter_mut().enumerate().for_each(|(row, o)| *o = haversine_km(self.a.place(at, row), self.b.place(at, row)));
    }
}

/// The haversine formula (Sinnott 1984), which keeps its digits for places near each other.
fn haversine_km(a: [f32; 2], b: [f32; 2]) -> f32 {
    let [(lat_a, lon_a), (lat_b, lon_b)] =
        [a, b].map(|[lat, lon]| (f64::from(lat).to_radians(), f64::from(lon).to_radians()));
    let half = |d: f64| (d / 2.0).sin().powi(2);
    let h = half(lat_b - lat_a) + lat_a.cos() * lat_b.cos() * half(lon_b - lon_a);
    (2.0 * RADIUS_KM * h.clamp(0.0, 1.0).sqrt().asin()) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_globe() {
        let check = |a: [f32; 2], b: [f32; 2], expected: f32| {
            for (x, y) in [(a, b), (b, a)] {
                let found = haversine_km(x, y);
                assert!(
                    (found - expected).abs() <= 0.003 * expected + 1e-4,
                    "{a:?} {b:?}: {found}, expected {expected}"
                );
            }
        };
        check([52.52, 13.405], [48.8566, 2.3522], 878.0);
        check([40.7128, -74.006], [-33.8688, 151.2093], 15_989.0);
        check([0.0, 179.5], [0.0, -179.5], 111.19);
        check([90.0, 0.0], [-90.0, 0.0], 20_015.1);
        check([10.0, 20.0], [10.0, 20.0], 0.0);
        assert!(haversine_km([f32::NAN; 2], [0.0, 0.0]).is_nan());
    }
}
