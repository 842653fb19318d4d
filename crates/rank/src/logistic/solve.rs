//! OWL-QN: limited-memory BFGS for a smooth loss with an L1 penalty (Andrew & Gao, "Scalable training of L1-regularized log-linear
//! models", ICML 2007).

/// Directions remembered.
const MEMORY: usize = 10;
/// It stops when the loss falls by less than this share over one iteration.
const TOLERANCE: f64 = 1e-7;

/// What is minimised: loss + l1·|w| + l2/2·w².
pub(super) struct Problem<'a> {
    /// The loss at w; adds its gradient to what it is given.
    pub(super) loss: &'a dyn Fn(&[f64], &mut [f64]) -> f64,
    pub(super) l1: f64,
    pub(super) l2: f64,
    /// The first so many weights bear no penalty.
    pub(super) n_free: usize,
}

impl Problem<'_> {
    /// The smooth part with its gradient, and the whole.
    fn at(&self, w: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.fill(0.0);
        let mut value = (self.loss)(w, gradient);
        for (w, g) in w[self.n_free..].iter().zip(&mut gradient[self.n_free..]) {
            value += self.l2 / 2.0 * w * w + self.l1 * w.abs();
            *g += self.l2 * w;
        }
        value
    }

    /// The gradient of the whole: where a weight is zero, the side that falls, if one does.
    fn slope(&self, w: &[f64], gradient: &[f64]) -> Vec<f64> {
        let mut out = gradient.to_vec();
        if self.l1 == 0.0 {
            return out;
        }
        for (o, w) in out[self.n_free..].iter_mut().zip(&w[self.n_free..]) {
            *o = match (*w, *o) {
                (w, g) if w != 0.0 => g + self.l1 * w.signum(),
                (_, g) if g + self.l1 < 0.0 => g + self.l1,
                (_, g) if g - self.l1 > 0.0 => g - self.l1,
                _ => 0.0,
            };
        }
        out
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Minimises from `w` on. `told`: the iteration, the weights and the whole value after each.
pub(super) fn minimise(
    of: &Problem<'_>,
    mut w: Vec<f64>,
    iterations: usize,
    told: &mut dyn FnMut(usize, &[f64], f64),
) -> Vec<f64> {
    let n = w.len();
    let mut gradient = vec![0.0; n];
    let mut value = of.at(&w, &mut gradient);
    let mut memory: Vec<(Vec<f64>, Vec<f64>, f64)> = Vec::new();
    for round in 1..=iterations {
        let slope = of.slope(&w, &gradient);
        let mut direction = direction(&slope, &memory);
        // A step may not go against the slope: such coordinates stand still.
        if of.l1 > 0.0 {
            direction.iter_mut().zip(&slope).for_each(|(d, s)| {
                if *d * *s >= 0.0 {
                    *d = 0.0
                }
            });
        }
        let descent = dot(&direction, &slope);
        if descent >= 0.0 {
            break;
        }
        let first = if memory.is_empty() { 1.0 / dot(&slope, &slope).sqrt().max(1.0) } else { 1.0 };
        let Some((next, next_value, next_gradient)) = search(of, (&w, value), (&slope, &direction, descent), first)
        else {
            break;
        };
        let s: Vec<f64> = next.iter().zip(&w).map(|(a, b)| a - b).collect();
        let y: Vec<f64> = next_gradient.iter().zip(&gradient).map(|(a, b)| a - b).collect();
        let sy = dot(&s, &y);
        if sy > 1e-12 * dot(&y, &y).max(1e-300) {
            if memory.len() == MEMORY {
                memory.remove(0);
            }
            memory.push((s, y, sy));
        }
        let fell = value - next_value;
        (w, value, gradient) = (next, next_value, next_gradient);
        told(round, &w, value);
        if fell <= TOLERANCE * value.abs().max(1e-12) {
            break;
        }
    }
    w
}

/// Minus the slope, bent by what was learned of the curvature (two-loop recursion).
fn direction(slope: &[f64], memory: &[(Vec<f64>, Vec<f64>, f64)]) -> Vec<f64> {
    let mut q: Vec<f64> = slope.iter().map(|s| -s).collect();
    let mut alphas = Vec::with_capacity(memory.len());
    for (s, y, sy) in memory.iter().rev() {
        let alpha = dot(s, &q) / sy;
        q.iter_mut().zip(y).for_each(|(q, y)| *q -= alpha * y);
        alphas.push(alpha);
    }
    if let Some((_, y, sy)) = memory.last() {
        let scale = sy / dot(y, y);
        q.iter_mut().for_each(|q| *q *= scale);
    }
    for ((s, y, sy), alpha) in memory.iter().zip(alphas.iter().rev()) {
        let beta = dot(y, &q) / sy;
        q.iter_mut().zip(s).for_each(|(q, s)| *q += (alpha - beta) * s);
    }
    q
}

type Step = (Vec<f64>, f64, Vec<f64>);

/// Halves the step until the value falls enough (Armijo); with L1, weights do not cross zero within a step.
fn search(
    of: &Problem<'_>,
    (w, value): (&[f64], f64),
    (slope, direction, descent): (&[f64], &[f64], f64),
    first: f64,
) -> Option<Step> {
    let mut step = first;
    for _ in 0..30 {
        let mut next: Vec<f64> = w.iter().zip(direction).map(|(w, d)| w + step * d).collect();
        if of.l1 > 0.0 {
            for i in of.n_free..next.len() {
                let side = if w[i] != 0.0 { w[i].signum() } else { -slope[i].signum() };
                if next[i] * side < 0.0 {
                    next[i] = 0.0;
                }
            }
        }
        let mut gradient = vec![0.0; w.len()];
        let found = of.at(&next, &mut gradient);
        if found <= value + 1e-4 * step * descent {
            return Some((next, found, gradient));
        }
        step /= 2.0;
    }
    None
}
