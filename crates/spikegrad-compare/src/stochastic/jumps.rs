//! The exact gradient of a spiking network around a loop: its line integral, and the jumps of the loss that it does not see.
//!
//! The loss is smooth where the order of events stays, and jumps or bends where a spike appears, vanishes or passes an arrival.
//! So (docs/mathematics.md, eq. 45)
//!
//! ```text
//! ∮ ∇L·dθ + Σ (L after − L before, over the places where the order of events changes) = 0
//! ```
//!
//! Such places are found between two points of different [`Signature`](crate::Signature) by bisection, down to neighbouring
//! doubles. Where a spike appears its slope is zero and its derivatives grow like the inverse root of the distance: the arcs
//! between the places are parametrised by 3t² − 2t³, whose derivative has a root at either end to cancel that one, and integrated
//! by Gauss's rule with eight points a panel.
//!
//! A change that is undone between two scanned points is not noticed, and then the sum is not zero. Not here: where value,
//! gradient and signature come from ([`Landscape`]).

use super::Circle;
use std::f64::consts::TAU;

/// A loss over parameters, smooth where its signature is constant.
pub trait Landscape {
    /// What is constant where the loss is smooth.
    type Signature: PartialEq;
    /// Why there is no value or gradient at a point.
    type Error;
    /// The value at a point, and its signature.
    ///
    /// # Errors
    /// There is none.
    fn value(&self, at: &[f64]) -> Result<(f64, Self::Signature), Self::Error>;
    /// The gradient at a point.
    ///
    /// # Errors
    /// There is none.
    fn gradient(&self, at: &[f64]) -> Result<Vec<f64>, Self::Error>;
}

/// A place where the order of events changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crossing {
    /// The last angle before it, in radians.
    pub before: f64,
    /// The first angle after it.
    pub after: f64,
    /// What the loss gains there.
    pub jump: f64,
}

/// A loop around which a gradient was integrated.
#[derive(Clone, Debug, PartialEq)]
pub struct Loop {
    /// The line integral of the gradient.
    pub integral: f64,
    /// The places where the order of events changes, in the order of their angles.
    pub crossings: Vec<Crossing>,
}

impl Loop {
    /// Sum of the jumps.
    #[must_use]
    pub fn jumps(&self) -> f64 {
        self.crossings.iter().map(|crossing| crossing.jump).sum()
    }

    /// Integral and jumps together: zero, but for the errors of the rule, if the gradient is the loss's.
    #[must_use]
    pub fn residual(&self) -> f64 {
        self.integral + self.jumps()
    }
}

/// Integrates the gradient of `landscape` around `circle`.
///
/// `points` equidistant points are looked at for changes of the signature; there are as many panels of eight nodes in all, in
/// proportion to the length of the arcs.
///
/// # Errors
/// The landscape's.
pub fn integrate<L: Landscape>(
    landscape: &L,
    circle: &Circle,
    points: u32,
) -> Result<Loop, L::Error> {
    let crossings = crossings(landscape, circle, points)?;
    let mut integral = 0.0;
    // From each place to the next, and around the start; a loop without any is one arc.
    let arcs: Vec<(f64, f64)> = match (crossings.first(), crossings.last()) {
        (Some(first), Some(last)) => {
            let between = crossings.windows(2).map(|pair| (pair[0].after, pair[1].before));
            between.chain([(last.after, first.before + TAU)]).collect()
        }
        _ => vec![(0.0, TAU)],
    };
    for (from, to) in arcs {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a 32-bit number"
        )]
        let panels = (f64::from(points) * (to - from) / TAU).ceil().max(4.0) as u32;
        integral += arc(landscape, circle, (from, to), panels)?;
    }
    Ok(Loop { integral, crossings })
}

/// The places on `circle` where the signature changes between two of `points` equidistant points.
///
/// # Errors
/// The landscape's.
pub fn crossings<L: Landscape>(
    landscape: &L,
    circle: &Circle,
    points: u32,
) -> Result<Vec<Crossing>, L::Error> {
    let look = |angle: f64| landscape.value(&circle.at(angle));
    let mut found = Vec::new();
    let mut angles = Circle::angles(points);
    let mut from = angles.next().unwrap_or(0.0);
    let mut here = look(from)?.1;
    for to in angles {
        let there = look(to)?.1;
        // More than one change may lie between: each time the first bisection finds one, and the rest is searched again.
        while here != there {
            let (mut low, mut high) = (from, to);
            loop {
                let middle = low + 0.5 * (high - low);
                if middle <= low || middle >= high {
                    break;
                }
                if look(middle)?.1 == here { low = middle } else { high = middle }
            }
            let (below, above) = (look(low)?.0, look(high)?);
            found.push(Crossing { before: low, after: high, jump: above.0 - below });
            (from, here) = (high, above.1);
        }
        (from, here) = (to, there);
    }
    Ok(found)
}

/// Nodes and weights of Gauss's rule with eight points on (0, 1), one half of them: M. Abramowitz and I. Stegun, table 25.4.
const GAUSS: [(f64, f64); 4] = [
    (0.183_434_642_495_649_8, 0.362_683_783_378_362),
    (0.525_532_409_916_329, 0.313_706_645_877_887_3),
    (0.796_666_477_413_626_7, 0.222_381_034_453_374_48),
    (0.960_289_856_497_536_3, 0.101_228_536_290_376_26),
];

fn arc<L: Landscape>(
    landscape: &L,
    circle: &Circle,
    (from, to): (f64, f64),
    panels: u32,
) -> Result<f64, L::Error> {
    let width = 1.0 / f64::from(panels);
    let mut sum = 0.0;
    for panel in 0..panels {
        for (node, weight) in GAUSS {
            for node in [-node, node] {
                let t = (f64::from(panel) + 0.5 * (1.0 + node)) * width;
                let angle = from + (to - from) * t * t * (3.0 - 2.0 * t);
                let speed = (to - from) * 6.0 * t * (1.0 - t);
                let gradient = landscape.gradient(&circle.at(angle))?;
                let along: f64 =
                    gradient.iter().zip(circle.tangent(angle)).map(|(a, b)| a * b).sum();
                sum += 0.5 * width * weight * along * speed;
            }
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::{Circle, Landscape, integrate};
    use std::convert::Infallible;

    /// L = y² + [x > c] (3 + y + √(x − c)): what a spike that appears at x = c may do.
    struct Appearing;

    const C: f64 = 0.37;

    impl Landscape for Appearing {
        type Signature = bool;
        type Error = Infallible;
        fn value(&self, at: &[f64]) -> Result<(f64, bool), Infallible> {
            let more = if at[0] > C { 3.0 + at[1] + (at[0] - C).sqrt() } else { 0.0 };
            Ok((at[1] * at[1] + more, at[0] > C))
        }
        fn gradient(&self, at: &[f64]) -> Result<Vec<f64>, Infallible> {
            let more = if at[0] > C { (0.5 / (at[0] - C).sqrt(), 1.0) } else { (0.0, 0.0) };
            Ok(vec![more.0, 2.0 * at[1] + more.1])
        }
    }

    /// The root of the width of a double at the crossing, 1.5e-8, on either side; the rule's own error is far below.
    const CROSSING: f64 = 1e-7;

    #[test]
    fn integral_and_jumps_sum_to_zero_though_neither_does() {
        let circle = Circle::new(vec![0.0; 2], 1.0, [vec![1.0, 0.3], vec![0.2, 1.0]]).unwrap();
        let around = integrate(&Appearing, &circle, 64).unwrap();
        assert_eq!(around.crossings.len(), 2);
        // Up at one y, down at the other: twice the y of the chord remains.
        let y = (1.0 - C * C).sqrt();
        assert!((around.jumps().abs() - 2.0 * y).abs() < CROSSING, "{}", around.jumps());
        assert!(around.residual().abs() < CROSSING, "{}", around.residual());
    }

    #[test]
    fn changes_within_one_interval_are_all_found() {
        struct Stairs;
        impl Landscape for Stairs {
            type Signature = i32;
            type Error = Infallible;
            #[expect(clippy::cast_possible_truncation, reason = "a small number")]
            fn value(&self, at: &[f64]) -> Result<(f64, i32), Infallible> {
                Ok(((at[0] * 10.0).floor(), (at[0] * 10.0).floor() as i32))
            }
            fn gradient(&self, _: &[f64]) -> Result<Vec<f64>, Infallible> {
                Ok(vec![0.0; 2])
            }
        }
        let circle = Circle::new(vec![0.05; 2], 1.0, [vec![1.0, 0.0], vec![0.0, 1.0]]).unwrap();
        let around = integrate(&Stairs, &circle, 16).unwrap();
        assert!(around.crossings.len() >= 38, "{}", around.crossings.len());
        assert!(around.residual().abs() < 1e-12);
    }
}
