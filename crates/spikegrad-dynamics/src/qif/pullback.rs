//! The way back through a motion under a current that decays, by hand: five series in place of eight runs on dual numbers.
//!
//! A piece is linear in (y, y′), and its series depends on three numbers besides, those of [`Recurrence`]: the derivative of each term by one of
//! them obeys the same recurrence with a source (docs/mathematics.md, eqs. 26d and 26e). So five series side by side, of two solutions and of three
//! derivatives, give all that a pullback needs. Where the current has faded it is the motion under a constant drive (`constant.rs`).
//!
//! Not here: where a motion is cut (`series.rs`).

use super::series::{Course, MOST_PIECES, Piece, ROWS, Recurrence, Row, Stretch};
use super::{Point, constant, scale_of};
use smallvec::SmallVec;

/// ∂L/∂(each number that a motion depends on).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pulled {
    pub(super) point: Point<f64>,
    pub(super) current: f64,
    pub(super) bias: f64,
    pub(super) ratio: f64,
    pub(super) length: f64,
}

/// Pulls the adjoint `after` of the point that `course` leads to after `length` back to all that it depends on; not a number where that point is none, for the motion has
/// more than [`MOST_PIECES`].
pub(super) fn pull_back(mut course: Course<f64>, length: f64, after: Point<f64>) -> Pulled {
    let (mut rest, mut current_lasts) = (length, course.current_lasts());
    let mut pieces: SmallVec<[(Course<f64>, Piece<f64>); 8]> = SmallVec::new();
    // Of the pieces only the last has a length that depends on anything, and not where the current fades after it.
    let mut has_fixed_length = false;
    let mut pulled = Pulled { point: after, ..Pulled::default() };
    while rest > 0.0 {
        if pieces.len() == MOST_PIECES {
            let nan = f64::NAN;
            return Pulled { point: [nan; 2], current: nan, bias: nan, ratio: nan, length: nan };
        }
        match course.next(rest, current_lasts) {
            Stretch::Faded(rest) => {
                constant_back(&course, rest, &mut pulled);
                has_fixed_length = true;
                break;
            }
            Stretch::Piece { piece, is_last } => {
                pieces.push((course, piece));
                if is_last {
                    break;
                }
                course.advance(piece);
                rest -= piece.length;
                current_lasts -= piece.length;
            }
        }
    }
    for (start, piece) in pieces.into_iter().rev() {
        let of_length = piece_back(&start, piece, &mut pulled);
        if !std::mem::replace(&mut has_fixed_length, true) {
            pulled.length = of_length;
        }
    }
    pulled
}

/// Through the motion after the current has faded.
fn constant_back(course: &Course<f64>, length: f64, pulled: &mut Pulled) {
    let (point, of_bias, of_length) =
        constant::pull_back(course.point, course.bias, length, pulled.point);
    (pulled.point, pulled.length) = (point, of_length);
    pulled.bias += of_bias;
}

/// Through one piece from `start`; returns ∂L/∂(its length).
fn piece_back(start: &Course<f64>, piece: Piece<f64>, pulled: &mut Pulled) -> f64 {
    let Course { point: [y, dy], current, bias, ratio } = *start;
    let Piece { length, u, left, terms } = piece;
    let recurrence = Recurrence::of(start);
    // The solutions from (1, 0) and (0, 1), then ∂y/∂ρ, ∂y/∂J, ∂y/∂i, each with the terms of k − 1, k, k + 1.
    let mut series = [[0.0; 3]; 5];
    (series[0][1], series[1][2]) = (1.0, ratio.recip());
    let (mut sums, mut by_u, mut power) = ([0.0; 5], [0.0; 5], 1.0);
    sums[0] = 1.0;
    for k in 1..terms {
        let Row { k: below, gamma: [gamma, _], epsilon: [epsilon, _] } = ROWS[k - 1];
        let own: [f64; 3] = std::array::from_fn(|j| y * series[0][j] + dy * series[1][j]);
        let sources = [
            0.0,
            0.0,
            gamma * own[2] - below * epsilon * own[1],
            -epsilon * own[1],
            epsilon * own[0],
        ];
        let order = ROWS[k].k;
        for (j, (terms, source)) in series.iter_mut().zip(sources).enumerate() {
            let [_, c, next] = *terms;
            by_u[j] += order * next * power;
            sums[j] += next * (power * u);
            *terms = [c, next, recurrence.term(k - 1, *terms) + source];
        }
        power *= u;
    }
    // The end of the piece, before it is scaled: y, and y′ = r e^(−r s) dy/du.
    let to_dy = ratio * left;
    let (end_y, end_dy) = (y * sums[0] + dy * sums[1], to_dy * (y * by_u[0] + dy * by_u[1]));
    let scale = scale_of([end_y, end_dy]);
    let [of_y, of_dy] = pulled.point.map(|adjoint| scale * adjoint);
    let of: [f64; 5] = std::array::from_fn(|j| of_y * sums[j] + of_dy * to_dy * by_u[j]);
    let (current_after, of_current_after) = (current * left, pulled.current);
    let of_length = of_y * end_dy
        - of_dy * (end_dy + (bias + current_after) * end_y)
        - of_current_after * ratio * current_after;
    let inverse = ratio.recip();
    let square = inverse * inverse;
    pulled.point = [of[0], of[1]];
    pulled.current = of_current_after * left + (of[3] + of[4]) * square;
    pulled.bias += of[3] * square;
    let of_numbers = of[2] - 2.0 * inverse * ((bias + current) * of[3] + current * of[4]);
    pulled.ratio += of_numbers * square + of_dy * end_dy * inverse - dy * of[1] * inverse
        + of_length * length * inverse;
    of_length
}
